"""Whatever a method's file puts into a record, it can be written and read again, and ends nothing but its cell."""

import json
import math

import numpy as np
import pytest
import torch
from conftest import ROOT

from benchmark.running.storable import plain, storable
from benchmark.schema.record import Record, read_record
from benchmark.schema.text import said


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no")


class Loud:
    def __repr__(self):
        raise SystemExit(3)


ODD = {
    "numpy": (np.float32(0.5), 0.5),
    "array": (np.arange(2), "[0 1]"),
    "tensor": (torch.tensor(2.0), 2.0),
    "tensors": (torch.zeros(2), "tensor([0., 0.])"),
    "class": (dict, "<class 'dict'>"),
    "nan": (math.nan, "nan"),
    "surrogate": ("a\ud800b", "a b"),
    "huge": (10**30, str(10**30)),
    "tuple": ((1, 2), [1, 2]),
    "keys": ({1: {2.5: "x"}}, {"1": {"2.5": "x"}}),
    "nothing": (None, None),
    "loud": (Loud(), "Loud (SystemExit when asked for its text)"),
}


@pytest.fixture
def committed():
    return read_record(ROOT / "results/runs/digits/dgl/cifar_resnet8-k2-s0.json")


@pytest.mark.parametrize("name", ODD)
def test_an_odd_option_is_stored_as_json_has_it(committed, name):
    value, expected = ODD[name]
    record = storable(committed.identity, "ok", None, {"fingerprint": "f", "options": plain({"odd": value})})
    assert record.status == "ok"
    assert record.options == {"odd": expected}
    assert Record.model_validate_json(record.sealed().model_dump_json()).genuine


def test_the_options_of_committed_records_are_what_they_were():
    for path in sorted((ROOT / "results/runs/digits").glob("*/*-s0.json")):
        options = json.loads(path.read_text())["options"]
        assert json.dumps(plain(options)) == json.dumps(options)


@pytest.mark.parametrize(
    "facts", [{"options": {"x": object()}}, {"cuts": [3]}, {"labels": {"full": "many"}}, {"no": 1}]
)
def test_what_cannot_be_stored_is_a_failed_row_that_says_so(committed, facts):
    record = storable(committed.identity, "ok", None, {"fingerprint": "f"} | facts)
    assert (record.status, record.error[:28]) == ("failed", "Its record cannot be stored:")
    assert Record.model_validate_json(record.sealed().model_dump_json()).genuine


def test_a_loop_in_an_option_ends():
    loop = []
    loop.append(loop)
    assert json.dumps(plain({"x": loop}))


def test_an_exception_is_one_bounded_line_whatever_it_says():
    assert said(ValueError("first\nsecond")) == "ValueError: first"
    assert len(said(ValueError("x" * 20_000_000))) < 700
    assert said(ValueError("a\ud800\x1b[31m")) == "ValueError: a  [31m"
    assert said(Silent()) == "Silent: (its text cannot be had: RuntimeError)"
    assert said(type("", (Exception,), {})()) == ":"
