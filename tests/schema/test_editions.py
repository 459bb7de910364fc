"""Texts of one method's file: which of them are one code, and under whose hash cells are kept."""

import hashlib
import json
from pathlib import Path

import pytest
from conftest import ROOT

from benchmark.schema.editions import SAID, Text, edition, first_of, kept_texts, same_code

CODE = '"""A method."""\n\n\nclass A:\n    """Says what."""\n\n    x = 1  # one\n'
REWORDED = [
    CODE.replace("A method.", "Another sentence."),
    CODE.replace("Says what.", "Says more."),
    CODE.replace('    """Says what."""\n\n', ""),
    CODE.replace("# one", "# the first"),
    CODE.replace("x = 1", "x = (1)"),
]
OTHERWISE = [
    CODE.replace("x = 1", "x = 2"),
    CODE.replace("x = 1", "x = True"),
    CODE.replace("x = 1", "x = ''"),
    CODE + "    y = 2\n",
    CODE + "    'no docstring'\n",
]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def kept(*texts: str) -> dict:
    return {sha(text): Text(commit="", source=text) for text in texts}


@pytest.mark.parametrize("text", REWORDED)
def test_words_are_no_code(text):
    assert text != CODE
    assert same_code(CODE, text)
    assert first_of(sha(text), text, kept(CODE)) == sha(CODE)


@pytest.mark.parametrize("text", OTHERWISE)
def test_other_code_is_no_edition(text):
    assert not same_code(CODE, text)
    assert first_of(sha(text), text, kept(CODE)) == sha(text)


@pytest.mark.parametrize("text", ["def", "\0", "x = " + "(" * 5000, "-" * 5000 + "1", ""])
def test_what_cannot_be_read_is_an_edition_of_nothing(text):
    assert not same_code(text, CODE)
    assert text == "" or not same_code(text, text)


def test_a_third_edition_is_one_of_the_first():
    second, third = REWORDED[:2]
    files = {sha(second): Text(commit="", source=second, edition_of=sha(CODE))}  # no record names the first any more
    assert first_of(sha(second), second, files) == first_of(sha(third), third, files) == sha(CODE)


def test_a_kept_text_that_was_edited_stands_for_nothing(tmp_path):
    files = {sha(text): {"commit": "", "source": CODE} for text in (CODE, OTHERWISE[0])}
    (tmp_path / "a.json").write_text(json.dumps({"files": files}))
    assert list(kept_texts("a", tmp_path)) == [sha(CODE)]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"files": []}', '{"files": {"0": 1}}', "{"])
def test_whatever_is_kept_a_file_has_a_hash(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "a.py").write_text(CODE)
    SAID.mkdir(parents=True)
    if content is not None:
        (SAID / "a.json").write_text(content)
    assert edition("a", sha(CODE)) == sha(CODE)


def test_every_committed_edition_has_the_code_of_its_first():
    for path in sorted((ROOT / SAID).glob("*.json")):
        files = json.loads(Path(path).read_text(encoding="utf-8"))["files"]
        for hashed, file in files.items():
            first = files.get(file.get("edition_of", hashed))
            assert first is None or (same_code(first["source"], file["source"]) and "edition_of" not in first), path
