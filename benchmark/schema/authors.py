"""``results/authors.yaml``: how the authors of methods stand to our rows of them; who is not in it was not asked.

A confirmation is worth what can be read of it, so it has a date and a link.
"""

import datetime
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import ValidationError, model_validator

from benchmark.errors import UserError
from benchmark.schema.plain import Strict
from benchmark.schema.suite_file import read_blocks
from benchmark.schema.text import printable

NAME = "authors.yaml"
ADDRESS = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)


class Standing(Strict):
    """What the authors of a method were asked, and what they said: that its file and its recipes are what they mean."""

    state: Literal["not asked", "asked", "confirmed"]
    date: datetime.date | None = None
    link: str | None = None  # where it can be read

    @model_validator(mode="after")
    def _can_be_looked_up(self) -> Self:
        if self.state != "not asked" and self.date is None:
            raise ValueError(f"`{self.state}` needs its date, such as date: 2026-12-01")
        if self.state == "confirmed" and self.link is None:
            raise ValueError("`confirmed` needs a link to where the authors say so")
        if self.link is not None and not ADDRESS.fullmatch(self.link):
            raise ValueError("the link is to be an http or https address")
        return self

    def __str__(self) -> str:
        """``asked on 2026-12-01``."""
        return f"{self.state} on {self.date}" if self.date else self.state


def read_authors(path: Path, methods: set[str]) -> dict[str, Standing]:
    """By method: how its authors stand to it; nothing without the file.

    Raises:
        UserError: the file is not as it should be, or names a method that is not one of ``methods``.
    """
    blocks = read_blocks(path, "method") if path.exists() else {}
    return {name: _standing(name, block, path, methods) for name, block in blocks.items()}


def _standing(name: object, block: object, path: Path, methods: set[str]) -> Standing:
    if name not in methods:
        raise UserError(f"{path}: there is no method {printable(name)}; name a file of methods/, without .py.")
    try:
        return Standing.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([f"{path}: {name}", *map(str, first["loc"])])
        raise UserError(printable(f"{place}: {first['msg'].removeprefix('Value error, ')}.")) from None
