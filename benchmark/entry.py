"""Where ``beyond`` begins: it listens for Ctrl-C before anything is imported that takes time."""

import os
import sys
import threading

from benchmark import ending
from benchmark.errors import UserError


def main() -> None:
    """Run the command line; signals are heard from here to the end of the process."""
    ending.listen()
    try:
        with ending.one_sentence():
            _open_standard_files()
            from benchmark import cli

            threading.excepthook = _unheard
            cli.run_command()
    finally:
        ending.ignore()


def _unheard(what: threading.ExceptHookArgs) -> None:
    """A progress bar's thread cannot write to a terminal that is gone: the main thread cannot either, and says so."""
    if not isinstance(what.exc_value, (OSError, UserError)):
        threading.__excepthook__(what)


def _open_standard_files() -> None:
    """A file that is opened later must not become standard output or error because that was closed.

    Raises:
        UserError: there is no output to write to.
    """
    closed = sys.stdout is None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
    if closed:
        raise UserError("Standard output is closed; leave it open, or send it to a file or to /dev/null.")
