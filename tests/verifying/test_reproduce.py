"""Comparing a suite that was trained again with its committed records."""

import pytest
from records import make_record

from benchmark.verifying.reproduce import compare


def edited(record):
    return record.model_copy(update={"accuracy": record.accuracy.model_copy(update={"test_top1": 90.2})})


def of_protocol(record, number):
    return record.model_copy(update={"identity": record.identity.model_copy(update={"protocol": number})}).sealed()


def test_equal_records_are_reproduced():
    record = make_record("dgl", 2, 0, 90.0).sealed()
    assert compare({"a": record}, {"a": record}).reproduced


@pytest.mark.parametrize(
    ("committed", "reason"),
    [
        (lambda record: edited(record), "was edited after it was written"),
        (lambda record: of_protocol(record, record.identity.protocol + 7), "is of protocol"),
    ],
)
def test_what_was_edited_or_is_of_another_protocol_is_not_reproduced_though_it_is_near(committed, reason):
    record = make_record("dgl", 2, 0, 90.0).sealed()
    found = compare({"a": committed(record)}, {"a": record})
    assert not found.reproduced
    assert [fault for fault in found.faults if fault.startswith("a: ") and reason in fault]
