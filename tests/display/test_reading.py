"""Tables that are damaged, or in the middle of a merge, are one sentence for whoever shows them."""

import pytest

from benchmark.display.reading import read_json, read_table
from benchmark.errors import UserError
from benchmark.export.results import Results
from benchmark.tables.columns import COLUMNS

MERGE = "<<<<<<< HEAD\n{0}=======\n{0}>>>>>>> other\n"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is no table .*beyond table"),
        (b'a,b\n1,"2\n', "is no table .*beyond table"),
        (b"a,b\n\xe9,2\n", "is no table .*beyond table"),
        (("a,b\n" + MERGE.format("1,2\n")).encode(), "is in the middle of a merge"),
    ],
)
def test_a_damaged_table_is_named(tmp_path, raw, reason):
    (tmp_path / "claims.csv").write_bytes(raw)
    with pytest.raises(UserError, match=rf"claims.csv {reason}"):
        read_table(tmp_path / "claims.csv")


@pytest.mark.parametrize("text", ["", '{"a": ', MERGE.format('{"a": 1}\n')])
def test_damaged_json_is_named(tmp_path, text):
    (tmp_path / "suites.json").write_text(text)
    with pytest.raises(UserError, match=r"suites.json is (no JSON|in the middle)"):
        read_json(tmp_path / "suites.json")


def test_a_board_that_was_cut_short_is_no_traceback(tmp_path):
    row = ",".join("digits" if name in ("suite", "method") else "" for name in COLUMNS)
    (tmp_path / "leaderboard.csv").write_text(f"{','.join(COLUMNS)}\n{row}\n")
    with pytest.raises(UserError, match="of another version, or damaged"):
        Results(tmp_path)
