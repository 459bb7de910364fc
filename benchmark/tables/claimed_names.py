"""Whether what a claim names exists: a misspelt method would else be one that nobody has run yet."""

import difflib
from collections.abc import Collection, Iterator, Mapping

from benchmark.errors import UserError
from benchmark.schema.claims import NAME, Claim, Rows
from benchmark.schema.text import printable

Known = Mapping[str, Collection[str]]  # column -> what may stand in it


def check_names(claims: Mapping[str, Claim], known: Known) -> None:
    """Of the columns in ``known``, and of tables (``table``); all other columns are left to the tables.

    Raises:
        UserError: a claim names something that is not there; names the claim, and what comes nearest.
    """
    for name, claim in claims.items():
        for field, column, value in _named(claim):
            if column in known and str(value) not in known[column]:
                near = difflib.get_close_matches(str(value), known[column], n=3) or sorted(known[column])[:3]
                raise UserError(
                    f"{NAME}: {name}.{field}: there is no {column} {printable(str(value))}; "
                    f"did you mean {', '.join(near)}?"
                )


def _named(claim: Claim) -> Iterator[tuple[str, str, object]]:
    sides: dict[str, object] = {"compare": claim.compare, "against": claim.against, "where": claim.where}
    for field, side in sides.items():
        yield from ((field, column, value) for column, value in _values(side if isinstance(side, dict) else {}))
    if claim.table is not None:
        yield "table", "table", claim.table


def _values(side: Rows) -> Iterator[tuple[str, object]]:
    for column, value in side.items():
        yield from ((column, one) for one in (value if isinstance(value, list) else [value]))
