"""Tables as files for the reader's programs. A stranger's text must not become a formula in a spreadsheet."""

import re
from io import BytesIO

import pandas as pd

FORMULA = re.compile(r"[=+\-@\t\r]")  # what a spreadsheet takes for the beginning of one
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE)


def csv_for_spreadsheets(rows: pd.DataFrame) -> bytes:
    """CSV in which an apostrophe stands before each text that a spreadsheet would compute."""
    return rows.map(_harmless).rename(columns=_harmless).to_csv(index=False).encode()


def parquet(rows: pd.DataFrame) -> bytes:
    """Parquet, which keeps the types of the columns; texts stand in it as they are."""
    file = BytesIO()
    rows.to_parquet(file, index=False)
    return file.getvalue()


def _harmless(value: object) -> object:
    risky = isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value)
    return f"'{value}" if risky else value
