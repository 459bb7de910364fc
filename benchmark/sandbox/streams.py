"""What a stranger's process sends and prints, read so that no flood takes memory or time on the trusted side."""

import json
from collections.abc import Callable
from typing import Any

LONGEST_MESSAGE = 4 * 2**20  # bytes; a record of hundreds of epochs takes a few hundred thousand
MOST_SENT = 64 * 2**20  # bytes of all messages together
MOST_MESSAGES = 100_000  # a message an epoch is usual
KEPT_OUTPUT = 4096  # bytes: the end of what it prints


class Lines:
    """Cuts a stream of bytes into JSON messages; what is no JSON object, or too long, is passed over."""

    def __init__(self, on_message: Callable[[dict[str, Any]], None]) -> None:
        self.on_message = on_message
        self.begun, self.received, self.ends = bytearray(), 0, 0  # a line without an end yet; bytes, lines of all

    @property
    def too_much(self) -> bool:
        """Whether more has come than anything honest sends."""
        return self.received > MOST_SENT or self.ends > MOST_MESSAGES

    def feed(self, chunk: bytes) -> None:
        """Take in what was read; nothing any more once it is too much."""
        self.received += len(chunk)
        self.ends += chunk.count(b"\n")
        if self.too_much:
            return
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._go_on(line)
            message = _parsed(bytes(self.begun)) if 0 < len(self.begun) <= LONGEST_MESSAGE else None
            self.begun.clear()
            if isinstance(message, dict):
                self.on_message(message)
        self._go_on(rest)

    def _go_on(self, part: bytes) -> None:
        self.begun += part[: LONGEST_MESSAGE + 1 - len(self.begun)]  # a byte more than may be: too long


class Tail:
    """Keeps the end of a stream of bytes."""

    def __init__(self) -> None:
        self.kept = b""

    def feed(self, chunk: bytes) -> None:
        """Take in what was read."""
        self.kept = (self.kept + chunk)[-KEPT_OUTPUT:]

    @property
    def text(self) -> str:
        """What was kept, as far as it is text."""
        return self.kept.decode(errors="replace").strip()


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
