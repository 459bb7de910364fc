"""What hostile method files (tests/hostile/) get, with bubblewrap and without: the sentence, and no harm done.

Importing torch is what costs here, so files that survive their own attack share a process.
"""

import os
import signal
import socket
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from confined import HOSTILE, MODES, REFUSAL, confined, switch_to
from conftest import ROOT
from needs import needs

from benchmark.sandbox import bubblewrap, landlock, seccomp, streams
from benchmark.sandbox.run import GIB, Limits, protections, run_sandboxed
from benchmark.schema.plugins import METHODS
from benchmark.submitting.check.names import LOADS
from benchmark.submitting.check.sandboxed import _furnish, run_trials

SURVIVE = (
    "reads_home",
    "opens_socket",
    "forks",
    "asks_for_memory",
    "peeks_at_labels",
    "writes_results",
    "kills_parent",
    "sets_kernel",
)
DIE = {
    "takes_memory": Limits(seconds=60, memory=3 * GIB // 2),
    "loops": Limits(seconds=6),
    "crashes": Limits(seconds=60),
}
ONE_AFTER_THE_OTHER = """
for name, text in {texts!r}.items():
    try:
        exec(compile(text, name, "exec"), {{}})
        print(f"{{name}}: nothing stopped it")
    except Exception as error:
        print(f"{{name}}: {{type(error).__name__}}: {{str(error)[:200]}}")
"""

needs_seccomp = pytest.mark.skipif(not seccomp.available(), reason="this system has no seccomp filters")


@pytest.fixture(scope="module")
def victim():
    """A process that a hostile file would like to kill."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module", params=MODES)
def attacks(request, tmp_path_factory, victim):
    """All attacks of one mode: what each got, and the places where it would have done harm."""
    folder = tmp_path_factory.mktemp("hostile")
    home, results = folder / "home", folder / "results"
    home.mkdir(), results.mkdir()
    (home / "secret.txt").write_text("xyzzy")
    marker = f"m{uuid.uuid4().hex}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        places = {"HOME": home, "RESULTS": results, "PID": victim.pid, "PORT": server.getsockname()[1]}
        with pytest.MonkeyPatch.context() as monkeypatch, ThreadPoolExecutor(2) as pool:
            switch_to(request.param, monkeypatch)
            together = pool.submit(run_together, folder / f"{marker}.py", places)
            # Landlock is about files alone: how a process ends is the same as without
            deadly = {} if request.param == "landlock" else DIE
            alone = {n: pool.submit(run_alone, folder / f"{marker}_{n}.py", n, limit) for n, limit in deadly.items()}
            got = dict(line.split(": ", 1) for line in together.result().splitlines() if line.startswith(SURVIVE))
            ended = {name: run.result() for name, run in alone.items()}
        yield SimpleNamespace(
            mode=request.param, got=got, ended=ended, results=results, victim=victim, server=server, marker=marker
        )


def run_together(path, places):
    texts = {name: (HOSTILE / f"{name}.py").read_text() for name in SURVIVE}
    for key, place in places.items():
        texts = {name: text.replace(f"@{key}@", str(place)) for name, text in texts.items()}
    path.write_text(ONE_AFTER_THE_OTHER.format(texts=texts))
    scratch = path.with_suffix("")
    scratch.mkdir()
    _furnish(scratch, path)
    ending = run_sandboxed(
        "benchmark.submitting.check.worker",
        [f"methods/{path.name}", LOADS],
        scratch=scratch,
        limits=Limits(seconds=100),
        on_message=lambda message: None,
    )
    assert ending.how == "done"
    return ending.output


def run_alone(path, name, limits):
    path.write_text((HOSTILE / f"{name}.py").read_text())
    found = []
    run_trials(path, [LOADS], lambda check: None, found.append, limits)
    (finding,) = found
    assert not finding.passed
    return finding.sentence


@needs_seccomp
def test_it_cannot_fork(attacks):
    assert "PermissionError" in attacks.got["forks"]


@needs_seccomp
def test_it_cannot_open_a_socket(attacks):
    assert "PermissionError" in attacks.got["opens_socket"]
    with pytest.raises(TimeoutError):
        attacks.server.accept()


@needs_seccomp
def test_it_cannot_kill_its_parent(attacks):
    assert attacks.got["kills_parent"].endswith("killing: PermissionError, PermissionError")
    assert attacks.victim.poll() is None


def test_it_cannot_read_the_home_folder(attacks):
    if attacks.mode == "without":
        assert attacks.got["reads_home"].endswith("the secret is xyzzy")  # which `protections` says: see below
    else:
        assert ("FileNotFoundError" if attacks.mode == "bubblewrap" else "PermissionError") in attacks.got["reads_home"]
        assert "xyzzy" not in str(attacks.got) + str(attacks.ended)


def test_it_cannot_write_into_results(attacks):
    if attacks.mode != "without":
        refusal = "FileNotFoundError" if attacks.mode == "bubblewrap" else "PermissionError"
        assert refusal in attacks.got["writes_results"]
        assert list(attacks.results.iterdir()) == []


def test_it_cannot_set_the_kernels_switches(attacks):
    if attacks.mode != "without":
        assert "Read-only file system" in attacks.got["sets_kernel"] or "PermissionError" in attacks.got["sets_kernel"]


def test_the_labels_of_the_test_split_are_nowhere(attacks):
    found = attacks.got["peeks_at_labels"]
    # without bubblewrap scikit-learn's own file of the digits cannot be hidden; nothing else gives them away
    expected = "found nothing" if attacks.mode == "bubblewrap" else "found 1797 digits in a file"
    assert found.endswith(expected)


def test_what_asks_for_too_much_memory_gets_none(attacks):
    assert "can't allocate memory" in attacks.got["asks_for_memory"]


def test_what_takes_all_memory_is_stopped(attacks):
    if attacks.mode != "landlock":
        assert attacks.ended["takes_memory"] == "It was stopped at 1.5 GiB, the memory limit."


def test_what_never_ends_is_stopped(attacks):
    if attacks.mode != "landlock":
        assert "stopped in this one after 6 seconds, the time limit; look for" in attacks.ended["loops"]


def test_a_crash_is_a_sentence(attacks):
    if attacks.mode != "landlock":
        assert attacks.ended["crashes"] == f"Its process was killed by signal {signal.SIGSEGV.value}."


def test_no_process_is_left_over(attacks):
    left = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            left += [file] if attacks.marker.encode() in file.read_bytes() else []
        except OSError:
            continue
    assert left == []


def test_a_missing_protection_is_said_with_how_to_get_it(monkeypatch):
    monkeypatch.setattr(bubblewrap, "refusal", lambda: "it is not installed")
    monkeypatch.setattr(seccomp, "available", lambda: False)
    monkeypatch.setattr(landlock, "version", lambda: 0)
    missing = {p.name: p.sentence for p in protections() if not p.available}
    assert missing["bubblewrap"] == (
        "No bubblewrap here (it is not installed): the file can read your files, test labels too, write into your "
        "folders, and reach into your programs; install it (apt install bubblewrap) or check in a container."
    )
    assert "can start processes, leave some running, and use the network" in missing["seccomp"]
    monkeypatch.setattr(landlock, "version", lambda: 1)
    (sentence,) = [p.sentence for p in protections() if p.name == "bubblewrap"]
    assert "neither read nor write your own files, but it can read the test labels in installed packages" in sentence


@pytest.mark.parametrize(("script", "why"), [(None, "not installed"), ("echo no namespaces >&2; exit 1", "no namesp")])
def test_bubblewrap_that_does_not_work_is_refused_with_its_reason(tmp_path, monkeypatch, script, why):
    if script:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if script else str(tmp_path))
    assert why in bubblewrap.refusal.__wrapped__()


def trusted(tmp_path, monkeypatch, text):
    """What a small trusted module sent, and how it ended."""
    ran = confined(tmp_path, monkeypatch, text, Limits(seconds=20), "a", "b")
    return ran.heard, ran.ending, ran.scratch


def test_messages_arguments_scratch_and_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    heard, ending, scratch = trusted(
        tmp_path,
        monkeypatch,
        """
        def main(send, arguments):
            print("it talks")
            open("written", "w").close()
            send({"arguments": arguments, "environment": dict(os.environ)})
        """,
    )
    assert heard[0]["arguments"] == ["a", "b"]
    assert "A_TOKEN" not in heard[0]["environment"]
    assert heard[0]["environment"]["CUDA_VISIBLE_DEVICES"] == ""  # it asked for none
    assert heard[0]["environment"]["HOME"] == str(scratch.resolve())
    assert (scratch / "written").exists()
    assert (ending.how, ending.output) == ("done", "it talks")


def test_garbage_on_the_pipe_is_passed_over_and_output_is_bounded(tmp_path, monkeypatch):
    heard, ending, _ = trusted(
        tmp_path,
        monkeypatch,
        """
        def main(send, arguments):
            pipe = send.__self__.file
            pipe.write("[1]\\n{\\n" + "[" * 100000 + "\\n")
            print("x" * 10**6)
            send({"good": 1})
        """,
    )
    assert heard == [{"good": 1}]
    assert len(ending.output) <= streams.KEPT_OUTPUT


def test_an_exception_is_told_by_its_last_line(tmp_path, monkeypatch):
    _, ending, _ = trusted(tmp_path, monkeypatch, "def main(send, arguments):\n    raise KeyError('oh')")
    assert (ending.how, ending.sentence) == ("crash", "Its process ended with exit code 1 (KeyError: 'oh').")


def test_threads_are_allowed(tmp_path, monkeypatch):
    text = """
    import threading

    def main(send, arguments):
        thread = threading.Thread(target=lambda: send({"thread": True}))
        thread.start(), thread.join()
    """
    assert trusted(tmp_path, monkeypatch, text)[0] == [{"thread": True}]


@needs_seccomp
def test_limits_cannot_be_raised_even_by_root(tmp_path, monkeypatch):
    text = """
    import resource

    def main(send, arguments):
        try:
            resource.setrlimit(resource.RLIMIT_AS, (2**50, 2**50))
        except (ValueError, OSError):
            send({"limit": resource.getrlimit(resource.RLIMIT_AS)[1]})
    """
    assert trusted(tmp_path, monkeypatch, text)[0] == [{"limit": Limits().address_space}]


def test_the_filter_refuses_other_architectures_and_knows_both():
    for machine, (_, architecture) in seccomp.ARCHITECTURES.items():
        code = seccomp.program(machine, os.getpid())
        assert code[1] == (seccomp.EQUAL, 1, 0, architecture)
        assert code[2] == seccomp.KILL_PROCESS
        assert code[-1] == seccomp.ALLOW
        assert all(i + 1 + max(jump) < len(code) for i, (_, *jump, _) in enumerate(code[:-1]))


@needs("bwrap", works=not REFUSAL)
def test_with_a_gpu_it_sees_what_the_system_says_of_devices(tmp_path):
    def sees(gpu):
        command = [*bubblewrap.wrap(tmp_path, gpu=gpu), "test", "-d", "/sys/devices"]
        return subprocess.run(command, check=False).returncode == 0

    assert sees(gpu=True)
    assert not sees(gpu=False)


@pytest.mark.parametrize("place", ["", "pkgs/scikit-learn-1.5", "envs/other"])
def test_labels_in_installed_packages_are_hidden_under_every_name(tmp_path, monkeypatch, place):
    digits = tmp_path / "real" / place / "lib" / "python3.9" / "site-packages" / bubblewrap.DIGITS
    digits.parent.mkdir(parents=True)
    digits.touch()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "link"))
    command = bubblewrap.wrap(tmp_path)
    for name in ("link", "real"):
        hidden = str(tmp_path / name / digits.relative_to(tmp_path / "real"))
        assert command[command.index(hidden) - 2 :][:2] == ["--ro-bind", "/dev/null"]


def test_no_hostile_file_is_among_the_methods():
    assert not {p.name for p in HOSTILE.glob("*.py")} & {p.name for p in (ROOT / METHODS).glob("*.py")}
