"""What a row of the leaderboard is called, where its records are, and which row it is to be compared with."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from benchmark.tables.columns import SETTING, SHARED, is_reference, is_twin

WHERE = ["suite", "backbone"]  # the rows that a reader may compare
PICTURES = ["dataset", "source", "stem", "protocol"]  # what else two cells of a seed share, if they are a pair
ALL_SEEDS = "*"


def row_names(rows: pd.DataFrame) -> pd.Series:
    """``infopro softmax, K = 4``: what a row of one suite, backbone and recipe is called in a chooser."""
    variant = (" " + rows["variant"]).where(rows["variant"] != "", "")
    names = rows["method"] + variant + ", K = " + rows["modules"].astype(int).astype(str)
    return names + (" (" + rows["kind"] + ")").where(rows["kind"] != "", "") if "kind" in rows else names


def record_paths(rows: pd.DataFrame, seeds: pd.Series | str = ALL_SEEDS) -> pd.Series:
    """Below the results: the record of each cell; of each row that of all its seeds, which are then a star."""
    variant = ("-" + rows["variant"]).where(rows["variant"] != "", "")
    stem = rows["backbone"] + "-k" + rows["modules"].astype(int).astype(str) + variant + "-s" + seeds
    stem += ("-" + rows["recipe"]).where(rows["recipe"] != SHARED, "")
    stem += ["" if pd.isna(times) else f"-x{times:g}" for times in rows["times"]]
    return "runs/" + rows["suite"] + "/" + rows["method"] + "/" + stem + ".json"


def with_addresses(board: pd.DataFrame) -> pd.DataFrame:
    """The board with columns that tell its rows apart, and lead from one to another.

    ``row``: a name that no other row of its suite and backbone has; ``records``: the path of its records; ``twin``:
    the name of the end-to-end twin by the same recipe, on the same pictures, empty where there is none; ``compare``:
    the query of an address that sets it beside its twin, empty for the twin itself.
    """
    names = row_names(board) + ", " + board["recipe"]
    again = names.groupby([board[name] for name in WHERE] + [names]).cumcount()  # of other cuts, for instance
    board = board.assign(row=names + [f" ({n + 1})" if n else "" for n in again], records=record_paths(board))
    pair = [*SETTING, "source"]
    twins = board[is_twin(board) & board["times"].isna()].drop_duplicates(pair).set_index(pair)["row"].rename("twin")
    board = board.merge(twins, how="left", left_on=pair, right_index=True).fillna({"twin": ""})
    return board.assign(compare=[_query(row) for row in board[[*WHERE, "row", "twin"]].to_dict("records")])


def _query(row: Mapping[Any, Any]) -> str:
    if row["row"] == row["twin"]:
        return ""
    return query_of({name: row[name] for name in WHERE} | {"a": row["row"], "b": row["twin"]})


def query_of(names: Mapping[str, str]) -> str:
    """The query of an address, without what is empty."""
    return urlencode({name: value for name, value in names.items() if value})


def choices(setting: pd.DataFrame) -> pd.DataFrame:
    """The rows of one suite and backbone in the order in which choosers offer them: references last."""
    last = is_reference(setting)
    return pd.concat([setting[~last], setting[last]])


def others(setting: pd.DataFrame, row: str) -> list[str]:
    """Names of the rows that ``row`` may be compared with: its twin first, of its recipe before those of others."""
    offered = choices(setting[["row", "twin", "recipe", "family"]]).to_dict("records")
    own = next(other for other in offered if other["row"] == row)
    offered.sort(key=lambda other: (other["row"] != own["twin"], other["recipe"] != own["recipe"]))
    return [other["row"] for other in offered if other["row"] != row]
