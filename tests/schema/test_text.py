"""Which characters a text may hold, how a file is read, and what is shown of a stranger's words."""

import errno
import os
from pathlib import Path

import pytest
from conftest import ROOT

from benchmark.errors import UserError
from benchmark.schema.text import decoded, hidden_character, printable, printable_lines, read_bytes, write_text

HIDDEN = [
    *"\0\x07\x08\x0b\x0c\r\x1b\x7f\x85\x9b",  # controls, ANSI's among them
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\u200e\u200f",  # order of others
    *"\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u034f\u3164\uffa0\u115f\u2800\ufe0f\U000e0041\U000e0100",  # nothing
    *"\u2028\u2029\ud800\ue000\uffff",
]


@pytest.mark.parametrize("character", HIDDEN, ids=ascii)
def test_what_hides_something_is_found_and_taken_out(character):
    assert hidden_character(f"one\ntwo {character}x") == (2, f"U+{ord(character):04X}")
    assert printable(f"a{character}b") == "a b"
    assert printable_lines(f"one\n\ttwo{character}") == "one\n\ttwo "


@pytest.mark.parametrize(
    "text",
    ["José Pérez × Ωmega ≤ 3 ± 1 –", "e\u0301 decomposed", "汉字 かな 한국어", "Ελληνικά, кириллица", "עברית", "✓ ✗ ∇"],
)  # fmt: skip
def test_honest_text_passes(text):
    assert hidden_character(text) is None
    assert printable(text) == text
    assert decoded(text.encode(), ROOT) == text


def test_a_tower_of_marks_is_cut_down():
    assert hidden_character("e" + "\u0301" * 40) == (1, "U+0301")
    assert printable("e" + "\u0301" * 40).count("\u0301") <= 4


def test_a_sentence_is_bounded_and_in_one_line():
    assert printable("a\nb\tc") == "a b c"
    assert len(printable("x" * 10**6)) < 700
    assert printable(ValueError("\x1b[2J")) == " [2J"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("é = 1".encode("latin-1"), "is no UTF-8 text (line 1)"),
        ("x".encode("utf-16"), "begins with a byte order mark"),
        ("x".encode("utf-16-be"), "shows as nothing (U+0000)"),
        (b"\xef\xbb\xbfx", "begins with a byte order mark"),
        (b"a\rb", "shows as nothing (U+000D)"),
        (b"# -*- coding: latin-1 -*-\n", "says that it is written in latin-1"),
        (b"#!/x\n# vim: set fileencoding=utf-7 :\n", "says that it is written in utf-7"),
    ],
)
def test_a_file_that_is_no_plain_utf_8_is_one_sentence(tmp_path, raw, sentence):
    with pytest.raises(UserError) as refusal:
        decoded(raw, tmp_path / "x.py")
    assert str(refusal.value).startswith(str(tmp_path / "x.py"))
    assert sentence in str(refusal.value)


def test_a_declaration_of_utf_8_and_windows_lines_pass():
    assert decoded(b"# -*- coding: utf-8 -*-\r\nx = 1\r\n", ROOT) == "# -*- coding: utf-8 -*-\nx = 1\n"


def test_no_more_of_a_file_is_read_than_it_may_have(tmp_path):
    path = tmp_path / "large.py"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: reading it whole would fail
    with pytest.raises(UserError, match="is larger than 1 KiB"):
        read_bytes(path, 1024)
    with pytest.raises(UserError, match="cannot be read"):
        read_bytes(tmp_path, 1024)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_file_that_cannot_be_written_is_named_and_stays_as_it_was(tmp_path, monkeypatch, number):
    """A full disk names no file, and one that cannot be written refuses to remove the temporary one, too."""
    path = tmp_path / "table.csv"
    write_text("before", path)

    def fails(*_, **__):
        raise OSError(number, os.strerror(number), *([str(tmp_path / "another")] if number == errno.EROFS else []))

    monkeypatch.setattr(os, "replace", fails)
    monkeypatch.setattr(Path, "unlink", fails)
    with pytest.raises(OSError, match=os.strerror(number)) as raised:
        write_text("after", path)
    assert (raised.value.errno, raised.value.filename) == (number, str(path))
    assert path.read_text() == "before"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_of_a_pipe_or_a_device_nothing_is_read(tmp_path, make):
    make(tmp_path / "mine.py")
    with pytest.raises(UserError, match=r"mine\.py is a pipe or a device, where a file belongs; move it away"):
        read_bytes(tmp_path / "mine.py", 1024)


def test_every_source_of_ours_is_honest():
    for folder in ("methods", "datasets", "benchmark", "dashboard"):
        for path in (ROOT / folder).rglob("*.py"):
            decoded(path.read_bytes(), path)
