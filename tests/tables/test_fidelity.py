"""``results/fidelity.csv``, which people write: how far each method is from its authors' code."""

import re

import pandas as pd
import pytest
from conftest import METHOD_IDS, ROOT

from benchmark.display.reading import TEXT_OF_FIDELITY, read_table
from benchmark.schema.plugins import METHODS, method_metadata

NOT_COMPARED = "not compared"
AGAINST = re.compile(r"[\w.-]+/[\w.-]+(@[0-9a-f]{7})?|authors' code|equations|identity")
ROUNDING = 1e-6  # in double precision a hundredth of it is left; where the other side is in single, a tenth


@pytest.fixture(scope="module")
def told() -> pd.DataFrame:
    return read_table(ROOT / "results" / "fidelity.csv", TEXT_OF_FIDELITY)


def test_it_tells_of_methods_that_are_here(told):
    assert set(told["method"]) <= set(METHOD_IDS)
    assert len(told) > len(METHOD_IDS) / 2


def test_a_variant_is_one_of_its_method(told):
    for row in told.itertuples():
        known = method_metadata(ROOT / METHODS / f"{row.method}.py")["variants"]
        assert {*filter(None, row.variant.split(", "))} <= set(known), row


def test_a_deviation_is_a_number_of_a_named_comparison_or_says_why_there_is_none(told):
    for row in told.itertuples():
        if row.deviation == NOT_COMPARED:
            assert row.note, row
        else:
            assert row.compared, row
            assert AGAINST.fullmatch(row.against), row
            assert float(row.deviation) >= 0, row
            assert float(row.deviation) <= ROUNDING or row.note, row  # what is more than rounding is told
        assert not row.commit or re.fullmatch("[0-9a-f]{7}", row.commit), row
