"""What changed: from the results' own history, whole, cut short, or not there at all."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from benchmark.display.changes import read_history
from benchmark.display.edition import AUTHORS, TITLE, bibtex_of_benchmark, read_edition
from benchmark.display.feed import ATOM, atom

RESULTS = Path("results")
TOP = Path(__file__).parent.parent.parent


def git(*arguments):
    who = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def commit(subject, **means):
    """A commit of a leaderboard with a row a method: its mean, and half of its interval where there is one."""
    rows = [
        {"suite": "digits", "method": m, "variant": "", "modules": 4, "test_top1_pct": v[0]} for m, v in means.items()
    ]
    board = pd.DataFrame(rows).assign(test_top1_half_pct=[(*v, None)[1] for v in means.values()])
    board.to_csv(RESULTS / "leaderboard.csv", index=False)
    git("add", ".")
    git("commit", "-m", subject)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init")
    (RESULTS / "runs/digits/dgl").mkdir(parents=True)
    (RESULTS / "runs/digits/dgl/one.json").write_text("{}")
    commit("First", dgl=(90.0, 1.0), fa=(80.0,), mac=(70.0, 0.1))
    commit("Second <b>", dgl=(90.9, 1.0), fa=(80.1,), trgl=(60.0, 2.0))
    return tmp_path


def test_rows_are_new_gone_or_moved_beyond_their_interval(repository):
    history = read_history(RESULTS)
    second, first = history.changes
    assert history.missing == ""
    assert (str(first), first.commit.subject) == ("3 rows new", "First")
    assert [list(rows["method"]) for rows in (second.new, second.gone, second.moved)] == [["trgl"], ["mac"], ["fa"]]
    assert str(second) == "1 row new, 1 gone, 1 moved"
    assert second.moved[["before", "after"]].iloc[0].tolist() == ["80.00", "80.10"]


def test_a_feed_has_an_entry_for_each_commit(repository):
    feed = ElementTree.fromstring(atom(read_history(RESULTS).changes))
    titles = [title.text for title in feed.iterfind(f"{{{ATOM}}}entry/{{{ATOM}}}title")]
    assert titles == ["1 row new, 1 gone, 1 moved: Second <b>", "3 rows new: First"]
    assert len({entry.text for entry in feed.iter(f"{{{ATOM}}}id")}) == 3


def test_an_edition_names_date_commit_and_records(repository):
    edition = read_edition(RESULTS)
    assert str(edition) == f"results of {edition.date}, commit {edition.commit}, 1 record"
    (RESULTS / "leaderboard.csv").write_text("edited")
    assert "and changes that are in none" in str(read_edition(RESULTS))
    assert edition.date in bibtex_of_benchmark(edition)


def test_a_history_that_is_cut_short_says_so_and_calls_no_old_row_new(repository, monkeypatch):
    git("clone", "--depth", "2", f"file://{repository}", "clone")
    monkeypatch.chdir("clone")
    commit("Third", dgl=(90.9, 1.0))
    third, second = read_history(RESULTS).changes
    assert (len(third.gone), second.commit.subject) == (2, "Second <b>")
    assert "begins after" in read_history(RESULTS).missing


def test_outside_of_git_there_is_a_sentence_and_the_number_of_records(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    history = read_history(RESULTS)
    assert history.changes == []
    assert "Git says nothing of these results" in history.missing
    assert str(read_edition(RESULTS)) == "results, 0 records"
    assert ElementTree.fromstring(atom([])).find(f"{{{ATOM}}}entry") is None


def test_the_benchmark_is_cited_as_its_own_file_says():
    said = (TOP / "CITATION.cff").read_text()
    assert f'title: "{TITLE}"' in said
    assert f"name: {AUTHORS}" in said
