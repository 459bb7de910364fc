"""Texts of one method's file: which of them are one code, and under whose hash cells are kept."""

import hashlib
import json
from pathlib import Path

import pytest
from conftest import ROOT

from benchmark.schema.editions import SAID, Text, edition, first_of, kept_texts, of_todays_code, same_code

CODE = '"""A method."""\n\n\nclass A:\n    """Says what."""\n\n    x = 1  # one\n'
REWORDED = [
    CODE.replace("A method.", "Another sentence."),
    CODE.replace("Says what.", "Says more."),
    CODE.replace('    """Says what."""\n\n', ""),
    CODE.replace("# one", "# the first"),
    CODE.replace("x = 1", "x = (1)"),
    CODE.replace("\n", "\r\n"),
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


@pytest.mark.parametrize("text", ["def", "\0", "x = " + "(" * 5000, "-" * 5000 + "1", "x = 0x" + "f" * 5000, ""])
def test_what_cannot_be_read_is_an_edition_of_nothing(text):
    assert not same_code(text, CODE)
    assert text == "" or not same_code(text, text)


def test_a_docstring_that_the_code_reads_is_code():
    reads = CODE + "    y = len(__doc__)\n"
    assert not same_code(reads, reads.replace("Says what.", "Says more."))


def test_a_third_edition_is_one_of_the_first():
    second, third = REWORDED[:2]
    files = kept(CODE) | {sha(second): Text(commit="", source=second, edition_of=sha(CODE))}
    assert first_of(sha(second), second, files) == first_of(sha(third), third, files) == sha(CODE)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "methods").mkdir()
    SAID.mkdir(parents=True)
    return tmp_path


def keep(*files: dict[str, str]) -> None:
    """Write texts under their hashes, or under the one that they say."""
    texts = {file.get("sha", sha(file["source"])): {"commit": "", **file} for file in files}
    (SAID / "a.json").write_text(json.dumps({"files": texts}))


@pytest.mark.parametrize("beside", [[], [{"source": CODE}], [{"source": OTHERWISE[0], "sha": sha(CODE)}]])
def test_other_code_that_calls_itself_an_edition_is_none(place, beside):
    Path("methods/a.py").write_text(OTHERWISE[0])
    keep({"source": OTHERWISE[0], "edition_of": sha(CODE)}, *beside)
    assert not of_todays_code("a", sha(CODE))


@pytest.mark.parametrize("first", [CODE, REWORDED[1]])
def test_no_edition_is_one_of_an_edition(place, first):
    keep({"source": CODE, "edition_of": sha(REWORDED[0])}, {"source": REWORDED[0], "edition_of": sha(first)})
    assert {text.edition_of for text in kept_texts("a").values()} == {None}


def test_a_text_that_is_nowhere_is_an_edition_of_nothing(place):
    Path("methods/a.py").write_text("")
    keep({"source": "# nothing"})
    assert edition("a", sha("")) == sha("# nothing")
    assert edition("a", sha(CODE)) == sha(CODE)


@pytest.mark.parametrize("text", REWORDED)
def test_the_file_is_compared_as_its_bytes_are(place, text):
    Path("methods/a.py").write_bytes(text.encode())
    keep({"source": CODE})
    assert of_todays_code("a", sha(CODE))


def test_a_kept_text_that_was_edited_stands_for_nothing(tmp_path):
    files = {sha(text): {"commit": "", "source": CODE} for text in (CODE, OTHERWISE[0])}
    (tmp_path / "a.json").write_text(json.dumps({"files": files}))
    assert list(kept_texts("a", tmp_path)) == [sha(CODE)]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"files": []}', '{"files": {"0": 1}}', "{"])
def test_whatever_is_kept_a_file_has_a_hash(place, content):
    Path("methods/a.py").write_text(CODE)
    if content is not None:
        (SAID / "a.json").write_text(content)
    assert edition("a", sha(CODE)) == sha(CODE)


def test_every_committed_text_has_its_hash_and_every_edition_the_code_of_its_first():
    for path in sorted((ROOT / SAID).glob("*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))["files"]
        proved = kept_texts(path.stem, ROOT / SAID)
        told = {hashed: file.get("edition_of") for hashed, file in said.items()}
        assert {hashed: text.edition_of for hashed, text in proved.items()} == told, path
