"""Landlock: where bubblewrap does not work, few files can be read and fewer written; Linux since 5.13, if switched on.

A process under it may not look into those outside either (/proc/PID/mem), nor, since Linux 6.12, signal them. It sees
names, sizes and the network as before, and single files cannot be taken out of a folder that may be read.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # on all architectures
ASK_VERSION, PATH_BENEATH, PR_SET_NO_NEW_PRIVS = 1, 1, 38
WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
EVERYTHING = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}  # rights on files, by version
NETWORK, SCOPES = {4: 3}, {6: 3}  # TCP ports; abstract sockets and signals: what has no rule is refused


def version() -> int:
    """Of the kernel's Landlock; 0 where it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _call(CREATE_RULESET, None, ctypes.c_size_t(0), ASK_VERSION))


def confine(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Leave this thread, and all that it starts, these files and folders only, for good.

    Raises:
        OSError: the kernel does not take it.
    """
    known = version()
    files, network, scopes = (_of(known, bits) for bits in (EVERYTHING, NETWORK, SCOPES))
    attributes = struct.pack("QQQ", files, network, scopes)[: 8 if known < 4 else 16 if known < 6 else 24]
    ruleset = _checked(_call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        for rights, paths in ((READ_FILE | READ_DIR, readable), (files, writable)):
            for path in paths:
                with suppress(FileNotFoundError):
                    _allow(ruleset, path, rights & files)
        _checked(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(_call(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _of(known: int, bits: dict[int, int]) -> int:
    return max((value for since, value in bits.items() if since <= known), default=0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= WRITE_FILE | READ_FILE | TRUNCATE
        _checked(_call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, place), 0))
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "the kernel does not take the Landlock rules")
    return result
