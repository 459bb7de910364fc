"""However a command ends, it is one sentence and an exit code, and nothing is written where nothing belongs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workshop import mistake

from benchmark import ending
from benchmark.errors import UserError
from benchmark.tables import files

ENTRY = [sys.executable, "-c", "from benchmark.entry import main; main()"]
CAUGHT = "from benchmark.ending import listen, one_sentence\nimport signal, sys, time\nlisten()\nwith one_sentence():\n"
SWALLOWED = """
    class Dies:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)
    dies = Dies()
    del dies
    time.sleep(60)
"""
TWICE = """
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.raise_signal(signal.SIGINT)
        print("cleaned up")
"""
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def ended(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CAUGHT + code], capture_output=True, text=True, timeout=120, check=False
    )


def test_an_interruption_that_python_swallows_comes_again():
    done = ended(SWALLOWED)
    assert (done.returncode, done.stderr.count("\n")) == (130, 1), done.stderr
    assert done.stderr.startswith("Interrupted; ")


def test_a_second_ctrl_c_lets_the_first_one_clean_up():
    done = ended(TWICE)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (130, "cleaned up\n", 1), done.stderr


@pytest.mark.parametrize("number", NUMBERS, ids=[n.name for n in NUMBERS])
def test_a_signal_while_it_still_imports_is_one_sentence(number):
    process = subprocess.Popen([*ENTRY, "table"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    wait_until_it_listens(process)
    for _ in range(2):
        process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said.count("\n")) == (128 + number, 1), said


def test_a_command_that_only_loads_has_begun_nothing(tmp_path):
    (tmp_path / "loads.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = ended(f"    sys.path.insert(0, {str(tmp_path)!r})\n    import loads\n")
    assert (done.returncode, done.stderr) == (130, "Interrupted; nothing was begun.\n")


def test_a_signal_before_anybody_can_say_it_has_begun_nothing():
    code = "import signal\nfrom benchmark.ending import listen\nlisten()\nsignal.raise_signal(signal.SIGINT)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (130, "Interrupted; nothing was begun.\n")


@pytest.mark.parametrize(
    "place",
    [f"{ending.COMMANDS}training.py", "/a/folder/called/benchmark/.venv/typer.py"],
    ids=["command", "typer"],
)
def test_what_a_command_loads_is_not_interrupted_by_an_exception(tmp_path, place):
    """Its function stands between the command line and what it imports, as does what calls commands."""
    (tmp_path / "loads.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    code = f"    sys.path.insert(0, {str(tmp_path)!r})\n    exec(compile('import loads', {place!r}, 'exec'))\n"
    done = ended(code)
    assert (done.returncode, done.stderr) == (130, "Interrupted; nothing was begun.\n")


def wait_until_it_listens(process: subprocess.Popen[str]) -> None:
    """It does when it has a handler of its own for all signals, which Python alone has for the first only."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
        if all(caught >> (number - 1) & 1 for number in NUMBERS):
            return
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("> /dev/full", "Standard output cannot be read or written (No space left on device)"),
        (">&-", "Standard output is closed"),
        ("| true", "Nobody reads the output any more"),
    ],
)
def test_an_output_that_takes_nothing_is_said(output, expected):
    shell = f'set -o pipefail; (sleep 2; exec "$@") {output}'  # so that `true` has ended by then
    done = subprocess.run(["bash", "-c", shell, "-", *ENTRY, "--help"], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(expected)


COMMANDS = [
    "table",
    "run digits",
    "reproduce digits",
    "plan digits",
    "fit resnet18 --memory 8GB",
    "verify",
    "register",
    "cuts",
    "new x",
    "check x.py",
]


@pytest.mark.parametrize("command", [*COMMANDS, "export", "dashboard"])
def test_outside_a_checkout_each_command_says_so_and_writes_nothing(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    said = mistake(monkeypatch, capsys, *command.split())
    assert "no checkout" in said or "no results" in said
    assert os.listdir(tmp_path) == []


def test_a_wrong_word_is_one_sentence(monkeypatch, capsys):
    assert "No such command 'tabel'" in mistake(monkeypatch, capsys, "tabel")
    assert "Invalid value for '--jobs'" in mistake(monkeypatch, capsys, "run", "digits", "--jobs", "many")
    assert "No such option" in mistake(monkeypatch, capsys, "table", "--nonsense")


def test_a_process_that_goes_on_hears_signals_as_before(monkeypatch, capsys):
    before = [*map(signal.getsignal, NUMBERS), sys.unraisablehook]
    mistake(monkeypatch, capsys, "run", "nowhere")
    assert [*map(signal.getsignal, NUMBERS), sys.unraisablehook] == before


def test_a_table_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "board.csv").mkdir()
    with pytest.raises(UserError, match=r"Records are safe.*board\.csv.*a folder stands where a file belongs"):
        files._write("a,b", tmp_path / "board.csv")
    assert os.listdir(tmp_path) == ["board.csv"]
