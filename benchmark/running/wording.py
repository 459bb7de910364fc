"""What an exception says, in one bounded sentence, whatever it is made of."""

from benchmark.schema.text import printable


def said(error: BaseException) -> str:
    """``KindOfError: the first line of its text``; an exception that cannot say anything has its kind said."""
    try:
        text = str(error)
    except BaseException as worse:
        text = f"(its text cannot be had: {type(worse).__name__})"
    first = f"{type(error).__name__}: {text[:10_000]}".strip().splitlines()
    return printable(first[0] if first else "an error without a name")
