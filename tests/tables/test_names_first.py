"""A misspelt name is said before tables are written, which takes a minute and more."""

import pytest

from benchmark.commands import results
from benchmark.errors import UserError


@pytest.mark.parametrize(
    ("command", "name", "sentence"),
    [
        (results.table, "digitz", "no records of a suite 'digitz'; there are of .*digits"),
        (results.claims, "nope", "no claim nope"),
    ],
)
def test_a_misspelt_name_is_said_before_any_table_is_written(monkeypatch, command, name, sentence):
    monkeypatch.setattr("benchmark.tables.files.write_tables", lambda: pytest.fail("tables were written"))
    with pytest.raises(UserError, match=sentence):
        command(name)
