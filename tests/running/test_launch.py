"""The launcher keeps crashes, hangs and mistakes inside their job, and leaves no orphan behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT

from benchmark.errors import UserError
from benchmark.running import launch, processes
from benchmark.running.launch import Crash, Job, run_jobs, run_one
from benchmark.running.tree import state


def test_every_job_answers_and_reports():
    seen = []
    jobs = [Job(n, "launch_jobs:double", (n,)) for n in range(5)]
    answers = dict(run_jobs(jobs, slots=["", ""], on_progress=lambda key, fraction: seen.append((key, fraction))))
    assert answers == {n: 2 * n for n in range(5)}
    assert sorted(seen) == [(n, 0.5) for n in range(5)]


def test_a_crash_a_hang_and_a_mistake_stay_in_their_job():
    jobs = [
        Job("dead", "launch_jobs:die"),
        Job("hung", "launch_jobs:hang", timeout=0.5),
        Job("wrong", "launch_jobs:complain"),
        Job("fine", "launch_jobs:double", (4,)),
    ]
    answers = dict(run_jobs(jobs, slots=["", ""]))
    assert answers["fine"] == 8
    assert answers["dead"].status == "failed"
    assert "signal 9" in answers["dead"].sentence
    assert answers["hung"] == Crash("timeout", "Stopped after 0.00833333 minutes, the limit of one cell.")
    assert str(answers["wrong"]) == "One clear sentence."


def test_a_job_of_two_processes_ends_when_one_of_them_breaks(monkeypatch):
    monkeypatch.setattr(launch, "GRACE", 0.2)  # for the first one to say what became of it
    jobs = [Job(how, "launch_jobs:break_in_the_second", (how,), processes=2) for how in ("die", "say", "fine")]
    answers = dict(run_jobs(jobs, slots=["0,1"]))
    assert answers["die"].sentence.startswith("Process 1 of 0 to 1: The cell's process was killed by signal 9")
    assert answers["say"] == Crash("oom", "Process 1 of 0 to 1: No memory was left.")
    assert answers["fine"] == 2


def test_one_job_raises_what_its_process_raised():
    assert run_one("launch_jobs:double", 3) == 6
    with pytest.raises(UserError, match="One clear sentence"):
        run_one("launch_jobs:complain")
    with pytest.raises(UserError, match="signal 9"):
        run_one("launch_jobs:die")


def test_each_slot_has_its_own_gpu():
    jobs = [Job(n, "launch_jobs:visible_gpu") for n in range(2)]
    assert {gpu for _, gpu in run_jobs(jobs, slots=["0", "1"])} == {"0", "1"}


ODD = {  # job -> its outcome; where it is a crash, how its sentence begins
    "whole_environment": ("", True, "SIG_IGN"),
    "raise_what_has_no_text": "Silent: (its text cannot be had",
    "raise_twenty_megabytes": "ValueError: xxxx",
    "exit_at_once": "The cell's process ended",
    "exit_politely": "SystemExit: goodbye",
    "close_everything": "The cell's process ended",
    "close_output_and_answer": 1,
    "write_into_every_file": "The cell's process",
    "answer_with_a_lambda": "",
    "recurse": "RecursionError",
    "load_with_workers": 8,
}


def test_what_one_job_does_to_itself_ends_no_other():
    answers = dict(run_jobs([Job(name, f"launch_jobs:{name}", timeout=120) for name in ODD], slots=["", ""]))
    for name, expected in ODD.items():
        if isinstance(expected, str):
            assert isinstance(answers[name], Crash), name
            assert answers[name].sentence.startswith(expected), name
            assert len(answers[name].sentence) < 700
            assert "memory" not in answers[name].sentence
        else:
            assert answers[name] == expected, name
    assert run_one("launch_jobs:double", 2) == 4


def test_what_a_job_has_started_ends_with_it(tmp_path):
    left, elsewhere = tmp_path / "left", tmp_path / "elsewhere"
    jobs = [
        Job("left", "launch_jobs:leave_a_worker", (left,), timeout=60),
        Job("elsewhere", "launch_jobs:leave_a_worker_elsewhere_and_hang", (elsewhere,), timeout=3),
    ]
    answers = dict(run_jobs(jobs, slots=["", ""]))
    assert answers["left"] == 1
    assert answers["elsewhere"].status == "timeout"
    assert gone(wait_for_pid(left))
    assert gone(wait_for_pid(elsewhere))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_lost_server_is_replaced_and_loses_no_cell(tmp_path, monkeypatch, number):
    monkeypatch.setattr(processes, "STOPPED", 0.1)
    assert run_one("launch_jobs:double", 1) == 2
    jobs = [Job(n, "launch_jobs:double_when_told", (n, tmp_path / "go"), timeout=120) for n in range(2)]
    jobs.append(Job(2, "launch_jobs:double", (2,), timeout=120))
    server, answers = processes._servers[0], {}

    def lose(key, fraction):
        if fraction == 0.25 and server is processes._servers[0]:
            os.kill(server.process.pid, number)
            (tmp_path / "go").touch()

    answers = dict(run_jobs(jobs, slots=["", ""], on_progress=lose))
    assert answers == {0: 0, 1: 2, 2: 4}
    assert processes._servers[0] is not server
    assert gone(server.process.pid)


def test_a_server_that_is_lost_twice_is_one_sentence(monkeypatch):
    monkeypatch.setattr(processes, "START", "{}")
    processes.close_server()
    with pytest.raises(UserError, match="killed or stopped twice; finished cells are kept"):
        run_one("launch_jobs:double", 1)


def test_a_stopped_job_ends_in_time_and_a_slot_waits_for_its_end(tmp_path):
    pid_file = tmp_path / "pid"
    for key, outcome in run_jobs([Job("stops", "launch_jobs:stop_oneself", (pid_file,), timeout=2.0)], slots=[""]):
        assert (key, outcome.status) == ("stops", "timeout")
        assert state(wait_for_pid(pid_file)) in ("", "Z")


def test_a_job_that_stops_by_itself_may_do_so_when_the_time_is_up_or_nobody_listens(tmp_path, monkeypatch):
    job, notes = Job("stops", "launch_jobs:stop_when_asked", (tmp_path / "a",), stops=True), []
    late = [job, Job("late", "launch_jobs:double", (1,))]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 1000 * len(notes), sleep=time.sleep)
    monkeypatch.setattr(launch, "time", clock)  # the time is up once the job says that it waits
    answers = dict(run_jobs(late, [""], on_note=lambda *note: notes.append(note), seconds=500.0))
    monkeypatch.undo()
    assert answers == {"stops": "kept"}
    assert notes == [("stops", "waits")]
    waits = Job("stops", job.function, (tmp_path / "b",), stops=True)
    told = Job("told", "launch_jobs:double_when_told", (1, tmp_path / "go"))
    heard = run_jobs([waits, told], ["", ""], on_note=lambda *note: (tmp_path / "go").touch())
    assert next(heard) == ("told", 2)
    heard.close()
    assert (tmp_path / "b").exists()


def test_a_caller_that_stops_listening_leaves_no_process(tmp_path):
    pid_file = tmp_path / "pid"
    jobs = [
        Job("waits", "launch_jobs:write_pid_and_wait", (pid_file,)),
        Job("fast", "launch_jobs:double", (1,)),
    ]
    answers = run_jobs(jobs, slots=["", ""])
    assert next(answers) == ("fast", 2)
    pid = wait_for_pid(pid_file)
    answers.close()
    assert gone(pid)


def test_kill_9_of_the_parent_leaves_no_orphan(tmp_path):
    pid_file = tmp_path / "pid"
    code = (
        "from pathlib import Path\nfrom benchmark.running.launch import run_one\n"
        f"if __name__ == '__main__': run_one('launch_jobs:write_pid_and_wait', Path({str(pid_file)!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment)
    pid = wait_for_pid(pid_file)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(pid)


def wait_for_pid(path: Path) -> int:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, "the job never started"
        time.sleep(0.05)
    return int(path.read_text())


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds (a zombie counts as ended)."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
