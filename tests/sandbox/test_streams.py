"""What a stranger's process sends and prints: whole messages are heard, and no flood takes memory."""

import pytest

from benchmark.sandbox import streams
from benchmark.sandbox.streams import Lines, Tail


def heard(*chunks):
    messages = []
    lines = Lines(messages.append)
    for chunk in chunks:
        lines.feed(chunk)
    return messages


def test_messages_are_put_together_from_pieces():
    assert heard(b'{"a"', b": 1}\n", b'{"b": 2}\n{"c"', b": 3}\n", b'{"d": 4}') == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize("junk", [b"[1]", b"{", b"[" * 10**5, b"\xff", b"", b"1" * 10**4, b'{"a": 1}}', b"\x00" * 9])
def test_junk_is_passed_over(junk):
    assert heard(junk + b'\n{"good": 1}\n') == [{"good": 1}]


def test_what_is_too_long_is_passed_over_whole_and_what_follows_is_heard(monkeypatch):
    monkeypatch.setattr(streams, "LONGEST_MESSAGE", 100)
    long = b'{"a": "' + b"x" * 200 + b'"}'
    assert heard(long[:90], long[90:], b'\n{"good": 1}\n') == [{"good": 1}]
    cut = b"[" * 101  # a message must not begin where a long one was cut
    assert heard(cut, b'{"forged": 1}\n', b'{"good": 1}\n') == [{"good": 1}]
    assert heard(b'{"a": "' + b"x" * 91 + b'"}\n') == [{"a": "x" * 91}]


def test_no_more_than_one_message_is_kept(monkeypatch):
    monkeypatch.setattr(streams, "LONGEST_MESSAGE", 1000)
    lines = Lines(lambda message: None)
    for _ in range(100):
        lines.feed(b"x" * 999)
    assert len(lines.begun) == 1001


@pytest.mark.parametrize(("bound", "most"), [("MOST_SENT", 100), ("MOST_MESSAGES", 11)])
def test_after_too_much_nothing_is_heard(monkeypatch, bound, most):
    monkeypatch.setattr(streams, bound, most)
    messages = []
    lines = Lines(messages.append)
    while not lines.too_much:
        lines.feed(b'{"a": 1}\n')
    said = len(messages)
    lines.feed(b'{"a": 1}\n')
    assert len(messages) == said == 11


def test_the_end_of_the_output_is_kept():
    tail = Tail()
    for _ in range(100):
        tail.feed(b"x" * 1000)
    tail.feed(b"\xffend\n")
    assert len(tail.kept) == streams.KEPT_OUTPUT
    assert tail.text.endswith("�end")
