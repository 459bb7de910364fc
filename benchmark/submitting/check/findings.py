"""How a check ends: a sentence, whatever happened inside it."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.errors import UserError, out_of_memory
from benchmark.schema.plugins import line_of_plugin
from benchmark.schema.text import printable

TOO_MUCH = "It asks for more memory than a check may have; the pictures are 8x8, so look for a tensor that grows."


@dataclass(frozen=True)
class Finding:
    """How a check ended, in a sentence."""

    check: str
    passed: bool
    sentence: str


class Failed(Exception):
    """A check's answer is no; the message says what to do."""


def find(check: str, look: Callable[[], str]) -> Finding:
    """Run one check: ``look`` returns the sentence of a pass, or raises."""
    try:
        return Finding(check, True, printable(look()))
    except (Failed, UserError) as failure:
        return Finding(check, False, printable(str(failure)))
    except Exception as error:
        return Finding(check, False, printable(explain(error)))


def explain(error: Exception) -> str:
    """An exception in a sentence, with the line of the method's file where it began."""
    if out_of_memory(error):
        return TOO_MUCH
    if isinstance(error, UserError | Failed):
        return str(error)
    line = line_of_plugin(error)
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ") + (f" ({line})" if line else "")
