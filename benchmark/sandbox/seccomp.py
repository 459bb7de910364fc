"""A seccomp filter: the kernel refuses this process what training a network never needs.

No new processes and programs, no sockets, no signals to others, no looking into other processes, no raising of
the limits that were set, no mounts. Threads are allowed. Linux on x86_64 and aarch64; it cannot be taken off again.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from itertools import chain

# Numbers of system calls: (x86_64, aarch64), none where an architecture lacks it.
REFUSED = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "io_uring_setup": (425, 425),  # it opens sockets, too
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setrlimit": (160, 164),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
}
CLONE, CLONE3, KILL, TGKILL, PRLIMIT, SECCOMP = (56, 220), (435, 435), (62, 129), (234, 131), (302, 261), (317, 277)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH_*
X32_BIT = 0x40000000  # of calls through x86_64's second table
CLONE_THREAD = 0x10000

# Classic BPF: load a word, jump if equal / at least / any bit set, return.
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22
SECCOMP_SET_MODE_FILTER, ALL_THREADS = 1, 1

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def available() -> bool:
    """Whether this system has such filters; asks the kernel without setting one."""
    if not sys.platform.startswith("linux") or platform.machine() not in ARCHITECTURES:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_SECCOMP, 2, None)  # a filter at no address: EFAULT where filters are known, else EINVAL
    return ctypes.get_errno() == errno.EFAULT


def confine() -> None:
    """Put the filter on this process, all its threads included, for good.

    Raises:
        OSError: the kernel does not take it.
    """
    column, _ = ARCHITECTURES[platform.machine()]
    filters = program(platform.machine(), os.getpid())
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in filters)
    buffer = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("HP", len(filters), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(
        SECCOMP[column], SECCOMP_SET_MODE_FILTER, ALL_THREADS, ctypes.c_char_p(fprog)
    ):
        raise OSError(ctypes.get_errno(), "the kernel does not take the seccomp filter")


def program(machine: str, pid: int) -> list[Instruction]:
    """The filter for process ``pid``, which alone it may send signals to."""
    column, architecture = ARCHITECTURES[machine]
    refuse, allow = _back(ERRNO | errno.EPERM), _back(ALLOW)
    own_pid = [_load(0), (EQUAL, 0, 1, pid), allow, refuse]
    no_new_limit = [_load(2), (EQUAL, 0, 3, 0), _load(2, high=True), (EQUAL, 0, 1, 0), allow, refuse]
    rules = [_when(row[column], [refuse]) for row in REFUSED.values()]
    rules += [
        _when(CLONE3[column], [_back(ERRNO | errno.ENOSYS)]),  # glibc then falls back to clone, whose flags show
        _when(CLONE[column], [_load(0), (ANY_BIT, 0, 1, CLONE_THREAD), allow, refuse]),
        _when(KILL[column], own_pid),
        _when(TGKILL[column], own_pid),
        _when(PRLIMIT[column], no_new_limit),  # asking for a limit is harmless
    ]
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        _back(KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32_BIT),
        refuse,
        *chain.from_iterable(rules),
        allow,
    ]


def _when(number: int | None, then: list[Instruction]) -> list[Instruction]:
    """Instructions for one system call; ``then`` must return."""
    return [] if number is None else [(EQUAL, 0, len(then), number), *then]


def _load(argument: int, high: bool = False) -> Instruction:
    return (LOAD, 0, 0, ARGUMENTS + 8 * argument + 4 * high)


def _back(value: int) -> Instruction:
    return (RETURN, 0, 0, value)
