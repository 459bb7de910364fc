"""A seccomp filter: the kernel refuses this process what training a network never needs.

No new processes and programs, no sockets, no signals to others, no looking into other processes, no raising of
the limits that were set, no memory that is shared or outlives it, no folders, links or pipes in the file system, no
mounts (:mod:`benchmark.sandbox.system_calls` has them all). Threads and plain files are allowed. Linux on x86_64 and
aarch64; it cannot be taken off again.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from itertools import chain

from benchmark.sandbox import system_calls as calls

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH_*
X32_BIT = 0x40000000  # of calls through x86_64's second table

# Classic BPF: load a word, jump if equal / at least / any bit set, return.
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
ERRNO = 0x00050000

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22
SECCOMP_SET_MODE_FILTER, ALL_THREADS = 1, 1

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand
ALLOW: Instruction = (RETURN, 0, 0, 0x7FFF0000)
KILL_PROCESS: Instruction = (RETURN, 0, 0, 0x80000000)
REFUSE: Instruction = (RETURN, 0, 0, ERRNO | errno.EPERM)
NO_SUCH_CALL: Instruction = (RETURN, 0, 0, ERRNO | errno.ENOSYS)


def available() -> bool:
    """Whether this system has such filters; asks the kernel without setting one."""
    if not sys.platform.startswith("linux") or platform.machine() not in ARCHITECTURES:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_SECCOMP, 2, None)  # a filter at no address: EFAULT where filters are known, else EINVAL
    return ctypes.get_errno() == errno.EFAULT


def confine(gpu: bool = False) -> None:
    """Put the filter on this process, all its threads included, for good; with ``gpu``, CUDA's driver works in it.

    Raises:
        OSError: the kernel does not take it.
    """
    column, _ = ARCHITECTURES[platform.machine()]
    filters = program(platform.machine(), os.getpid(), calls.FOR_CUDA if gpu else ())
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in filters)
    buffer = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("HP", len(filters), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(
        calls.SECCOMP[column], SECCOMP_SET_MODE_FILTER, ALL_THREADS, ctypes.c_char_p(fprog)
    ):
        raise OSError(ctypes.get_errno(), "the kernel does not take the seccomp filter")


def program(machine: str, pid: int, needed: Sequence[str] = ()) -> list[Instruction]:
    """The filter for process ``pid``, which alone it may send signals to; calls that are needed are let through."""
    column, architecture = ARCHITECTURES[machine]
    rules = [
        *(_when(row[column], [REFUSE]) for name, row in calls.REFUSED.items() if name not in needed),
        *(_when(row[column], [NO_SUCH_CALL]) for row in calls.ABSENT.values()),
        *(_when(row[column], _only(0, [pid])) for row in calls.TO_ITSELF.values()),
        *(_when(row[column], _only(0, [0, pid])) for row in calls.OF_ITSELF.values()),
        _when(calls.CLONE[column], [_load(0), (ANY_BIT, 0, 1, calls.CLONE_THREAD), ALLOW, REFUSE]),
        _when(calls.OPEN[column], _without_bit(1, calls.O_TMPFILE)),
        _when(calls.OPENAT[column], _without_bit(2, calls.O_TMPFILE)),
        _when(calls.FCNTL[column], _fcntl()),
        _when(calls.IOCTL[column], _none_of(1, calls.IOCTL_REFUSED)),
        _when(calls.PRCTL[column], _only(0, calls.PRCTL_ALLOWED)),
        _when(calls.PRLIMIT64[column], _null_pointer(2)),  # asking for a limit is harmless
    ]
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        KILL_PROCESS,
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32_BIT),
        REFUSE,
        (AT_LEAST, 0, 1, calls.NEWEST + 1),
        NO_SUCH_CALL,
        *chain.from_iterable(rules),
        ALLOW,
    ]


def _when(number: int | None, then: list[Instruction]) -> list[Instruction]:
    """Instructions for one system call; ``then`` must return."""
    return [] if number is None else [(EQUAL, 0, len(then), number), *then]


def _only(argument: int, values: Sequence[int]) -> list[Instruction]:
    """Allow these values of an argument, which the kernel takes for 32 bits wide."""
    tests = [(EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [_load(argument), *tests, REFUSE, ALLOW]


def _none_of(argument: int, values: Sequence[int]) -> list[Instruction]:
    *tests, refuse, allow = _only(argument, values)
    return [*tests, allow, refuse]


def _without_bit(argument: int, bit: int) -> list[Instruction]:
    return [_load(argument), (ANY_BIT, 0, 1, bit), REFUSE, ALLOW]


def _null_pointer(argument: int) -> list[Instruction]:
    low, high = _load(argument), _load(argument, high=True)
    return [low, (EQUAL, 0, 3, 0), high, (EQUAL, 0, 1, 0), ALLOW, REFUSE]


def _fcntl() -> list[Instruction]:
    set_flags = _without_bit(2, calls.O_ASYNC)
    return [_load(1), (EQUAL, 0, len(set_flags), calls.F_SETFL), *set_flags, *_only(1, calls.FCNTL_ALLOWED)]


def _load(argument: int, high: bool = False) -> Instruction:
    return (LOAD, 0, 0, ARGUMENTS + 8 * argument + 4 * high)
