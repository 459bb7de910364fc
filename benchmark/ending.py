"""How a command ends: whatever stops it is one sentence and an exit code, never a traceback.

Ctrl-C, SIGTERM and SIGHUP may come at any moment and more than once. While a command still loads its modules it has
nothing to clean up and ends at once; later :class:`Interrupted` is raised, and everybody on the way out cleans up. What
comes after the first one is ignored, unless cleaning up takes long. Imports little, so that it listens early.
"""

import _thread
import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from benchmark.errors import UserError
from benchmark.schema.text import printable

BEGUN = "nothing was begun"
KEPT = "finished cells are kept, the same command goes on from there"
HEARD = {"SIGINT": "Interrupted", "SIGTERM": "Stopped by signal 15", "SIGHUP": "Stopped, since its terminal was closed"}
PACKAGE = os.path.join(os.path.dirname(__file__), "")  # whose checkout may itself lie in a folder of any name
COMMANDS = os.path.join(PACKAGE, "commands", "")
SOON, LONGEST = 3.0, 30.0  # seconds of cleaning up: until one more Ctrl-C ends it, until it is ended anyway
MISTAKE = 2  # exit code
LONGEST_SENTENCE = 2000  # characters
UNREAD = f"Nobody reads the output any more, so this has ended; {KEPT}."
SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it
ADVICE = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in your quota",
    errno.EROFS: "it lies on a file system that cannot be written; work in a copy",
    errno.EACCES: "take the right to use it",
    errno.EPERM: "take the right to use it",
    errno.EISDIR: "a folder stands where a file belongs; move it away",
    errno.ENOTEMPTY: "a folder stands where a file belongs; move it away",
    errno.ENOTDIR: "a file stands where a folder belongs; move it away",
    errno.EEXIST: "a file stands where a folder belongs; move it away",
    errno.ENOENT: "it is missing",
    errno.EIO: "the disk or terminal fails",
}


class Interrupted(BaseException):
    """A signal that ends the command, under a name that nobody else answers."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.kept = KEPT  # what is said of finished work; who knows better says so


class _Heard:
    """The signal that was heard first, and when; and whether somebody stands ready to say it."""

    number = 0
    since = 0.0
    caught = False


def listen() -> None:
    """From now on signals end this process in one sentence; a hangup that is ignored (nohup) stays so."""
    _Heard.number, _Heard.caught = 0, False
    for name in HEARD:
        if name != "SIGHUP" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), _hear)
    sys.unraisablehook = _unraisable


@contextmanager
def listening() -> Iterator[None]:
    """:func:`listen` for a while, in a process that goes on: afterwards signals do there what they did before."""
    before = {name: signal.getsignal(getattr(signal, name)) for name in HEARD}
    unraisable = sys.unraisablehook
    listen()
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), signal.SIG_DFL if handler is None else handler)  # None: not Python's
        sys.unraisablehook = unraisable


def ignore() -> None:
    """From now on signals change nothing: the last sentence is said."""
    for name in HEARD:
        signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what ends a command into one sentence on standard error and an exit code."""
    try:
        _Heard.caught = True
        yield
        _flush()
    except UserError as error:
        _exit(str(error), MISTAKE)
    except Interrupted as stop:
        _exit(_told(stop.number, stop.kept), 128 + stop.number)
    except BrokenPipeError:
        _exit(UNREAD, MISTAKE)
    except MemoryError:
        _exit("This machine's memory ran out; close other programs and give the command again.", MISTAKE)
    except OSError as error:
        _exit(cannot_use(error), MISTAKE)


def cannot_use(error: OSError, path: object = None, kept: str = "finished cells are kept") -> str:
    """A sentence on a file that cannot be read or written, with advice; ``kept`` says what becomes of finished work."""
    place = path or error.filename or ("Standard output" if error.errno in (errno.ENOSPC, errno.EIO) else "A file")
    reason = error.strerror or type(error).__name__
    advice = ADVICE.get(error.errno or 0, "see to it")
    return f"{place} cannot be read or written ({reason}): {advice}, then give the command again; {kept}."


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _exit(sentence: str, code: int) -> NoReturn:
    """Say it, once, and end; what still waits to be printed may be lost, but breaks nothing."""
    sentence = printable(sentence, LONGEST_SENTENCE)
    _Heard.number = -1  # whatever comes now is ignored
    with suppress(OSError, ValueError, AttributeError):
        coloured = f"\x1b[31m{sentence}\x1b[0m" if sys.stderr.isatty() else sentence
        print(coloured, file=sys.stderr, flush=True)
    try:
        _flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _told(number: int, kept: str = KEPT) -> str:
    return f"{HEARD[signal.Signals(number).name]}; {kept}."


def _hear(number: int, frame: FrameType | None) -> None:
    if _Heard.number:
        if _Heard.number > 0 and time.monotonic() - _Heard.since > SOON:
            _end_at_once(_Heard.number)
        return
    _Heard.number, _Heard.since = number, time.monotonic()
    if not _Heard.caught or _loading(frame):
        _end_at_once(number, BEGUN)
    _thread.start_new_thread(_end_in_the_end, (number, _Heard.since))
    raise Interrupted(number)


def _loading(frame: FrameType | None) -> bool:
    """Whether the command line is importing something: native code in there takes no exception well."""
    importing, callers = False, set[str]()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            importing, callers = True, set()
        elif name.startswith(PACKAGE) and not name.startswith(COMMANDS):
            callers.add(name.removeprefix(PACKAGE))
        frame = frame.f_back
    return importing and callers <= {"entry.py", "cli.py", "ending.py"}


def _end_in_the_end(number: int, since: float) -> None:
    """Somebody may have swallowed the exception, or wait for what never comes."""
    time.sleep(LONGEST)
    if (_Heard.number, _Heard.since) == (number, since):
        _end_at_once(number)


def _end_at_once(number: int, kept: str = KEPT) -> NoReturn:
    with suppress(OSError):
        if os.isatty(1):
            os.write(1, SHOW_CURSOR)
        os.write(2, f"{_told(number, kept)}\n".encode())
    os._exit(128 + number)


def _unraisable(what: Any) -> None:
    """An exception where Python can raise none, as while an object is destroyed: an interruption comes again soon."""
    if isinstance(what.exc_value, Interrupted):
        _thread.start_new_thread(_again, (what.exc_value.number,))
    elif not isinstance(what.exc_value, OSError):  # of a closed output, say, which is told otherwise
        sys.__unraisablehook__(what)


def _again(number: int) -> None:
    time.sleep(0.05)
    _Heard.number = 0
    os.kill(os.getpid(), number)
