"""Where ``beyond`` begins: it listens for Ctrl-C before anything is imported that takes time."""

import _signal  # that is `signal` without its enumerations, which take longer to import than all else here
import os
import sys


def main() -> None:
    """Run the command line; signals are heard from here to the end of the process."""
    for number in (_signal.SIGINT, _signal.SIGTERM):
        _signal.signal(number, _end_at_once)
    import gc
    import threading

    from benchmark import ending

    ending.listen()
    gc.set_threshold(10_000)  # of 700, a third of the time that torch takes to be imported goes to looking for garbage
    try:
        with ending.one_sentence():
            _open_standard_files()
            from benchmark import cli

            threading.excepthook = _on_thread
            cli.run_command()
    finally:
        ending.ignore()
        gc.freeze()  # all memory is given back now, and Python would look through it once more


def _end_at_once(number: int, frame: object) -> None:
    """For the first hundredths of a second."""
    os.write(2, b"Interrupted; nothing was begun.\n")
    os._exit(128 + number)


def _on_thread(what: object) -> None:
    """A progress bar's thread cannot write to a terminal that is gone: the main thread cannot either, and says so."""
    import threading

    from benchmark.errors import UserError

    assert isinstance(what, threading.ExceptHookArgs)
    if not isinstance(what.exc_value, (OSError, UserError)):
        threading.__excepthook__(what)


def _open_standard_files() -> None:
    """A file that is opened later must not become standard output or error because that was closed.

    Raises:
        UserError: there is no output to write to.
    """
    from benchmark.errors import UserError

    closed = sys.stdout is None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    if closed:
        raise UserError("Standard output is closed; leave it open, or send it to a file or to /dev/null.")
