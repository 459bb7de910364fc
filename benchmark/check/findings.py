"""How a check ends: a sentence, whatever happened inside it."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.errors import UserError

LONGEST = 600  # characters of a sentence
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
    except MemoryError:
        return Finding(check, False, TOO_MUCH)
    except Exception as error:
        if "can't allocate memory" in str(error):  # how torch says it
            return Finding(check, False, TOO_MUCH)
        said = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
        return Finding(check, False, printable(said))


def printable(text: str) -> str:
    """One bounded line without control characters: a stranger's text must not steer a terminal."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= LONGEST else line[:LONGEST] + " ..."
