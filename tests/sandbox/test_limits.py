"""What hostile files get that look for what is not limited: signals, memory, threads, files, messages, time."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from confined import attack, confined, mode

from benchmark.sandbox import seccomp
from benchmark.sandbox.run import GIB, Limits
from benchmark.sandbox.scratch import remove

__all__ = ["mode"]
needs_seccomp = pytest.mark.skipif(not seccomp.available(), reason="this system has no seccomp filters")
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")


@needs_seccomp
def test_it_has_no_signals_sent_to_others(mode, tmp_path, monkeypatch):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as victim:
        ran = attack(tmp_path, monkeypatch, "signals_by_events", pid=victim.pid)
        assert victim.poll() is None
        victim.kill()
    assert ran.ending.how == "done", ran.ending
    outcomes = {name: outcome for message in ran.heard for name, outcome in message.items()}
    assert outcomes == dict.fromkeys(outcomes, "PermissionError")
    assert len(outcomes) == 9


def test_it_reaches_into_no_other_program(mode, tmp_path, monkeypatch):
    (tmp_path / "secret.txt").write_text("xyzzy")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path) as victim:
        ran = attack(tmp_path, monkeypatch, "reaches_into_programs", pid=victim.pid)
        victim.kill()
    assert ran.ending.how == "done", ran.ending
    opened = [name for message in ran.heard for name, outcome in message.items() if outcome == "open"]
    assert opened == []


def test_root_is_root_no_more(mode, tmp_path, monkeypatch):
    text = """
    def main(send, arguments):
        lines = [line.split() for line in open("/proc/self/status") if line.startswith("Cap")]
        send({name: int(value, 16) for name, value in lines})
    """
    (held,) = confined(tmp_path, monkeypatch, text).heard
    assert max(held["CapEff:"], held["CapPrm:"]) <= 2  # read files whoever owns them
    assert (held["CapInh:"], held["CapAmb:"]) == (0, 0)


@needs_seccomp
def test_it_has_no_memory_beside_its_own(mode, tmp_path, monkeypatch):
    ran = attack(tmp_path, monkeypatch, "hides_memory")
    assert ran.ending.how == "done", ran.ending
    outcomes = {name: outcome for message in ran.heard for name, outcome in message.items()}
    if mode == "bubblewrap":
        assert outcomes.pop("temporary folder") in ("FileNotFoundError", "OSError")  # the latter: it is read-only
        assert outcomes.pop("/dev/shm") == "OSError"
    elif mode == "without":  # its user's rights on files, which `protections` says
        assert (outcomes.pop("temporary folder"), outcomes.pop("/dev/shm")) == ("done", "done")
        Path("/", "tmp", "hidden").unlink()
        Path("/dev/shm/hidden").unlink()
    assert outcomes == dict.fromkeys(outcomes, "PermissionError")
    assert len(outcomes) == (11 if mode == "landlock" else 9)


@needs_seccomp
def test_it_makes_no_folders_links_or_pipes_and_what_it_writes_can_be_removed(mode, tmp_path, monkeypatch):
    ran = attack(tmp_path, monkeypatch, "nests_folders")
    written = list(ran.scratch.iterdir())
    remove(ran.scratch)  # before anything can fail: pytest's own removal recurses
    assert ran.ending.how == "done", ran.ending
    outcomes = {name: outcome for message in ran.heard for name, outcome in message.items()}
    assert outcomes == dict.fromkeys(
        ("folder", "pipe", "link", "second name", "no rights", "other name"), "PermissionError"
    )
    assert len(written) == 301
    assert not ran.scratch.exists()


@needs_proc
def test_threads_without_end_are_stopped(mode, tmp_path, monkeypatch):
    ran = attack(tmp_path, monkeypatch, "many_threads", Limits(seconds=60, threads=100))
    assert ran.ending.sentence == "It was stopped at 100 threads, the limit."


@needs_proc
def test_memory_is_seen_when_the_first_thread_has_ended(mode, tmp_path, monkeypatch):
    limits = Limits(seconds=60, memory=GIB // 4)
    ran = attack(tmp_path, monkeypatch, "first_thread_ends", limits, machine=platform.machine())
    assert ran.ending.sentence == "It was stopped at 0.25 GiB, the memory limit."


@pytest.mark.parametrize(
    ("size", "sentence"),
    [(2**20, "It was stopped at 0.0312 GiB of files, the limit."), (0, "It was stopped at 500 files in its scratch ")],
)
def test_the_scratch_folder_cannot_be_filled(mode, tmp_path, monkeypatch, size, sentence):
    limits = Limits(seconds=60, written=2**25, files=500)
    ran = attack(tmp_path, monkeypatch, "fills_scratch", limits, bytes=size)
    assert ran.ending.sentence.startswith(sentence)


@needs_seccomp
def test_no_disk_is_reserved_faster_than_it_can_be_written(tmp_path, monkeypatch):
    assert attack(tmp_path, monkeypatch, "reserves_disk").heard == [{"reserved": "PermissionError"}] * 3


def test_a_crash_leaves_no_dump(mode, tmp_path, monkeypatch):
    text = (
        "def main(send, arguments):\n    import resource\n    send({'limit': resource.getrlimit(resource.RLIMIT_CORE)})"
    )
    assert confined(tmp_path, monkeypatch, text).heard == [{"limit": [1, 1]}]  # 0 would not stop a collecting program


def test_what_lay_in_the_scratch_folder_before_is_not_counted(tmp_path, monkeypatch):
    (tmp_path / "scratch").mkdir()
    for name in range(600):
        (tmp_path / "scratch" / str(name)).touch()
    (tmp_path / "scratch" / "large").write_bytes(b"x" * 2**21)
    text = "def main(send, arguments):\n    import time\n    time.sleep(0.5)\n"
    assert confined(tmp_path, monkeypatch, text, Limits(seconds=60, written=2**20, files=500)).ending.how == "done"


@pytest.mark.parametrize("line", ["{}\\n", "[", "\\n", '{\\"begins\\": 1}\\n', "\\xff\\x00"])
def test_a_flood_of_messages_is_stopped(tmp_path, monkeypatch, line):
    ran = attack(tmp_path, monkeypatch, "floods", Limits(seconds=60), line=line)
    assert ran.ending.sentence == "It was stopped, since it sent messages without end."


def test_the_time_limit_holds_while_it_floods(tmp_path, monkeypatch):
    ran = attack(tmp_path, monkeypatch, "floods", Limits(seconds=0.5), line="{}\\n")
    assert "the time limit" in ran.ending.sentence or "messages without end" in ran.ending.sentence


def test_a_process_that_stops_itself_is_stopped_for_good(mode, tmp_path, monkeypatch):
    ran = attack(tmp_path, monkeypatch, "stops_itself", Limits(seconds=3))
    assert ran.ending.how == "timeout"


def test_no_file_is_open_in_it_besides_its_three_streams_and_its_messages(mode, tmp_path, monkeypatch):
    with open(os.devnull) as leak:
        os.set_inheritable(leak.fileno(), True)
        text = """
        def main(send, arguments):
            kinds = {int(f): os.readlink(f"/proc/self/fd/{f}") for f in os.listdir("/proc/self/fd") if f.isdigit()
                     and os.path.lexists(f"/proc/self/fd/{f}")}
            kinds.pop(send.__self__.file.fileno())
            send({"open": sorted(kinds), "kinds": [kinds[n].partition(":")[0] for n in sorted(kinds)]})
        """
        (message,) = confined(tmp_path, monkeypatch, text).heard
    assert message == {"open": [0, 1, 2], "kinds": ["/dev/null", "pipe", "pipe"]}
