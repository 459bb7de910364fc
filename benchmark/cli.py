"""The command line, ``beyond``; a user's mistake is one sentence and exit 2."""

import io
import sys

import typer

from benchmark.commands import own_pictures, planning, results, submitting, training
from benchmark.ending import MISTAKE, UNREAD, listening, one_sentence
from benchmark.errors import UserError
from benchmark.schema.checkout import check_one_checkout

COMMANDS = {
    "Train": (training.run, training.cell, training.tune, training.examine),
    "Results": (results.reproduce, results.verify, results.table, results.claims, results.dashboard, results.export),
    "Before anything trains": (planning.plan, planning.fit, planning.cuts, planning.gpu_check),
    "Submit a method": (submitting.new, submitting.check, submitting.register),
    "Your own pictures": (own_pictures.train,),
}
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)


@app.callback()
def every_command() -> None:
    """Train deep networks without end-to-end backpropagation, and compare."""
    check_one_checkout()


def main() -> None:
    """The command line within a process that does something else, too; ``beyond`` itself begins in ``entry``."""
    with listening(), one_sentence():
        run_command()


def run_command() -> None:
    """Run the command that the process's arguments name.

    Raises:
        UserError: they name none, or it cannot be done.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal without our signs shows them spelt out, and no traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer and rich end silently
            raise UserError(UNREAD) from None
        raise
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own errors; it keeps their class to itself
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
            sys.exit(MISTAKE)
        raise UserError(f"{error.format_message().rstrip('.')}; `beyond --help` shows what there is.") from None
    if isinstance(code, int) and code:
        sys.exit(code)
