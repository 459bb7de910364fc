"""Values that a person writes into a file: what may stand there, so that any reader of JSON gets it back."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from benchmark.schema.text import hidden_character

LARGEST = 2**53  # whole numbers beyond it are rounded by other readers of JSON
DEEPEST = 20  # lists in lists


class Strict(BaseModel):
    """Unknown keys, numbers that are not finite, and yes or no in place of a number are errors, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_no_booleans(cls, said: Any) -> Any:
        for name, value in said.items() if isinstance(said, dict) else ():
            field = cls.model_fields.get(name)
            if field and isinstance(value, bool) and "bool" not in str(field.annotation):
                raise ValueError(f"`{name}` is {str(value).lower()}, which is yes or no and neither number nor text")
        return said


def not_plain(value: object, depth: int = 0) -> str:
    """What keeps a value from being written as JSON and read again, as ``a value of type set``; else empty."""
    if depth > DEEPEST:
        return f"lists more than {DEEPEST} deep"
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if abs(value) <= LARGEST else "a whole number beyond 2^53"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"the number {value}"
    if isinstance(value, str):
        hidden = hidden_character(value)
        return f"a character that shows as nothing ({hidden[1]})" if hidden else ""
    if isinstance(value, list | tuple):
        return next(filter(None, (not_plain(item, depth + 1) for item in value)), "")
    if isinstance(value, dict):
        if odd := [type(key).__name__ for key in value if not isinstance(key, str)]:
            return f"a key of type {odd[0]}, where a text is meant"
        return next(filter(None, (not_plain(item, depth + 1) for pair in value.items() for item in pair)), "")
    return f"a value of type {type(value).__name__}"
