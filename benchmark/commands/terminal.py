"""What all commands share: where they print, how they complain, where they run."""

from pathlib import Path

from rich.console import Console

from benchmark.ending import LONGEST_SENTENCE, UNREAD
from benchmark.errors import UserError
from benchmark.schema.text import printable

OUT_OF_TIME = 124  # exit code, as of timeout(1)


class Output(Console):
    """Standard output; that nobody reads it any more is told like all that ends a command."""

    def on_broken_pipe(self) -> None:
        """End the command; what is printed on the way out goes nowhere."""
        self.quiet = True
        raise UserError(UNREAD)


console = Output()


def at_the_top() -> None:
    """Make sure that this is a checkout.

    Raises:
        UserError: it is not; nothing is written then.
    """
    for name in ("suites.yaml", "methods", "datasets"):
        if not Path(name).exists():
            raise UserError(
                f"This is no checkout (there is no {name} here); run `beyond` from the top of the repository."
            )


def complain(sentence: str, style: str) -> None:
    """Say it on standard error, in a line that is not broken."""
    Console(stderr=True).print(
        printable(sentence, LONGEST_SENTENCE), style=style, highlight=False, markup=False, soft_wrap=True
    )


def warn(sentence: str) -> None:
    """The same, of what stops nothing."""
    complain(sentence, "yellow")


def complain_of_broken_methods() -> None:
    """Say of each method's file that cannot be read why it is left out."""
    from benchmark.schema.plugins import broken_methods

    for sentence in broken_methods().values():
        warn(sentence)


def plainly(sentence: str, style: str | None = None) -> None:
    """Say it on standard output as it stands: no markup, nothing coloured in it, in a line that is not broken."""
    console.print(sentence, style=style, highlight=False, markup=False, soft_wrap=True)
