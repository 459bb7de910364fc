"""Text that people and strangers write: how it is read, which characters it may hold, and how it is shown.

Every file is UTF-8, whatever the locale says. A character that shows as nothing, moves the cursor or turns the order
of others around ("Trojan source") is refused in a file that is read, and taken out of a text that is shown.
"""

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from benchmark.errors import UserError

LONGEST = 600  # characters of a sentence
# What str.isprintable lets pass though it shows as nothing: fillers, joiners, variation selectors, the blank of braille
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
MARKS = 4  # combining marks on one letter: some alphabets need two or three, a tower of them covers other lines
SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
NOT_PLAIN = re.compile(r"[^\n\t -~]+")  # what may not be what it seems: neither ASCII that shows nor a line break
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263, in one of the first two lines


def printable(text: object, longest: int = LONGEST) -> str:
    """One bounded line that steers no terminal and hides nothing: what shows as nothing becomes a space."""
    whole = str(text)
    line = "".join(_cleaned(whole[: longest + 1]))
    return line if len(whole) <= longest else line[:longest] + " ..."


def printable_lines(text: str) -> str:
    """The same for a text of several lines, of any length: line breaks and tabs stay."""
    if hidden_character(text) is None:
        return text
    return "\n".join("\t".join("".join(_cleaned(part)) for part in line.split("\t")) for line in text.split("\n"))


def said(error: BaseException) -> str:
    """``KindOfError: the first line of its text``; an exception that cannot say anything has its kind said."""
    try:
        text = str(error)
    except BaseException as worse:
        text = f"(its text cannot be had: {type(worse).__name__})"
    first = f"{type(error).__name__}: {text[:10_000]}".strip().splitlines()
    return printable(first[0] if first else "an error without a name")


def _cleaned(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        yield character if _shows(character) and marks <= MARKS else " "


def _shows(character: str) -> bool:
    return character.isprintable() and not INVISIBLE.match(character)


def hidden_character(text: str) -> tuple[int, str] | None:
    """Line (from 1) and name, such as ``U+202E``, of the first character that hides something; none if there is none.

    Line breaks, tabs and the wider spaces of good typesetting are what they seem.
    """
    for run in NOT_PLAIN.finditer(text):
        marks = 0
        for place, character in enumerate(run[0], run.start()):
            marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
            honest = _shows(character) or character in SPACES
            if not honest or marks > MARKS:
                return text.count("\n", 0, place) + 1, f"U+{ord(character):04X}"
    return None


def read_bytes(path: Path, largest: int) -> bytes:
    """The bytes of a file that a person wrote; no more than ``largest`` and one are read, and of no pipe or device.

    Raises:
        UserError: it cannot be read, is no file, or is larger.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{path} is a pipe or a device, where a file belongs; move it away.")
            raw = file.read(largest + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}).") from None
    if len(raw) > largest:
        raise UserError(f"{path} is larger than {largest // 1024} KiB; it is meant to be one short file.")
    return raw


def _open_at_once(path: str, flags: int) -> int:
    """Not waiting for somebody who writes into a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def decoded(raw: bytes, path: Path) -> str:
    """The text of bytes that were read from ``path``, its line breaks ``\\n``.

    Raises:
        UserError: they are no UTF-8, say that they are in another encoding, or hold a character that hides something.
    """
    if raw.startswith(BYTE_ORDER_MARKS):
        raise UserError(f"{path} begins with a byte order mark; save it as UTF-8 without one (UTF-16 is not read).")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path} is no UTF-8 text (line {line}); save it as UTF-8.") from None
    text = text.replace("\r\n", "\n")
    if hidden := hidden_character(text):
        raise UserError(f"{path} has a character in line {hidden[0]} that shows as nothing ({hidden[1]}); delete it.")
    for cookie in map(COOKIE.match, text.split("\n", 2)[:2]):
        if cookie and cookie[1].lower().replace("_", "-") not in ("utf-8", "utf8"):
            raise UserError(f"{path} says that it is written in {printable(cookie[1])}; save it as UTF-8.")
    return text


def write_text(text: str, path: Path) -> None:
    """Write as UTF-8, as :func:`write_bytes` does."""
    write_bytes([text.encode()], path)


def write_bytes(parts: Iterable[bytes | memoryview], path: Path) -> None:
    """Write under a temporary name, then rename: a reader sees the whole file or none.

    Raises:
        OSError: it cannot be written, and names it; what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(parts)
        os.replace(temporary, path)
    except OSError as error:  # of a full disk it names nothing, else what nobody has asked for
        raise (OSError(error.errno, error.strerror, str(path)) if error.errno else error) from None
    finally:
        with suppress(OSError):  # where nothing can be written, nothing can be removed either
            temporary.unlink(missing_ok=True)
