"""The seccomp filter: numbers as in the kernel's headers, every refusal tried by a real call, and what must go on."""

import errno
import json
import platform
import re
from pathlib import Path

import pytest
from confined import confined

from benchmark.sandbox import seccomp
from benchmark.sandbox import system_calls as calls

needs_seccomp = pytest.mark.skipif(not seccomp.available(), reason="this system has no seccomp filters")
HEADERS = (
    "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "/usr/include/asm-generic/unistd.h",
)  # aarch64 has the latter
BY_ARGUMENT = {name.lower(): getattr(calls, name) for name in ("CLONE", "OPEN", "OPENAT", "FCNTL", "IOCTL", "PRCTL")}
ALL = calls.REFUSED | calls.ABSENT | calls.TO_ITSELF | calls.OF_ITSELF | BY_ARGUMENT
ALL |= {"prlimit64": calls.PRLIMIT64, "seccomp": calls.SECCOMP}


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_the_numbers_are_those_of_the_kernels_headers(column):
    header = Path(HEADERS[column])
    if not header.exists():
        pytest.skip("the headers of the kernel are not installed")
    said = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text()))
    known = {name: numbers[column] for name, numbers in ALL.items() if name in said or numbers[column] is None}
    assert len(known) > 0.9 * len(ALL)
    assert {n: number for n, number in known.items() if str(number) != said.get(n, "None")} == {}


def test_no_two_calls_share_a_number():
    for column in (0, 1):
        numbers = [row[column] for row in ALL.values() if row[column] is not None]
        assert len(numbers) == len(set(numbers))
        assert max(numbers) <= calls.NEWEST


@needs_seccomp
def test_every_refusal_is_one(tmp_path, monkeypatch):
    column, _ = seccomp.ARCHITECTURES[platform.machine()]
    numbers = {name: row[column] for name, row in (calls.REFUSED | calls.ABSENT).items() if row[column] is not None}
    numbers |= {"of tomorrow": calls.NEWEST + 1}
    text = f"""
    import ctypes

    def main(send, arguments):
        libc = ctypes.CDLL(None, use_errno=True)
        for name, number in json.loads({json.dumps(json.dumps(numbers))}).items():
            ctypes.set_errno(0)
            libc.syscall(number, -1, -1, -1, -1, -1, -1)
            send({{"call": name, "errno": ctypes.get_errno()}})
    """
    heard = confined(tmp_path, monkeypatch, text).heard
    absent = {*calls.ABSENT, "of tomorrow"}
    assert [m["call"] for m in heard] == list(numbers)
    assert [m for m in heard if m["errno"] != (errno.ENOSYS if m["call"] in absent else errno.EPERM)] == []


@needs_seccomp
def test_what_python_and_torch_do_goes_on(tmp_path, monkeypatch):
    text = """
    import ctypes, fcntl, signal, threading

    def main(send, arguments):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.close(os.dup(reading))
        assert fcntl.fcntl(os.open("plain", os.O_CREAT | os.O_RDWR), fcntl.F_GETFD) == 1
        assert ctypes.CDLL(None).prctl(15, b"name", 0, 0, 0) == 0
        os.sched_setaffinity(0, os.sched_getaffinity(0))
        signal.signal(signal.SIGUSR1, lambda number, frame: send({"signal": number}))
        os.kill(os.getpid(), signal.SIGUSR1)
        thread = threading.Thread(target=lambda: send({"thread": True}))
        thread.start(), thread.join()
    """
    ran = confined(tmp_path, monkeypatch, text)
    assert (ran.heard, ran.ending.how) == ([{"signal": 10}, {"thread": True}], "done"), ran.ending


@needs_seccomp
@pytest.mark.parametrize("call", ["os.sched_setaffinity(1, {0})", "os.kill(1, 0)", "os.killpg(0, 0)"])
def test_others_are_left_alone(tmp_path, monkeypatch, call):
    text = f"""
    def main(send, arguments):
        try:
            {call}
        except PermissionError:
            send({{"refused": True}})
    """
    assert confined(tmp_path, monkeypatch, text).heard == [{"refused": True}]


def test_cuda_s_driver_is_let_keep_its_code_in_memory():
    for machine, (column, _) in seccomp.ARCHITECTURES.items():
        number = calls.REFUSED["memfd_create"][column]
        tests = [
            (seccomp.EQUAL, 0, 1, number) in seccomp.program(machine, 7, needed) for needed in ((), calls.FOR_CUDA)
        ]
        assert tests == [True, False]
