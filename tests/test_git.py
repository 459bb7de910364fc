"""What git says of a tree; where it does not say, that is unknown and never clean."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from needs import needs

from benchmark import git

pytestmark = needs("git")
PLAIN = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def ask(folder, *arguments) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=os.environ | PLAIN, check=True, capture_output=True, encoding="utf-8").stdout


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository with one committed method, entered."""
    folder = tmp_path / "tree"
    (folder / "methods").mkdir(parents=True)
    (folder / "methods" / "a.py").write_text("a = 1\n", encoding="utf-8")
    ask(folder, "init", "-q")
    ask(folder, "add", ".")
    ask(folder, "commit", "-qm", "one")
    monkeypatch.chdir(folder)
    return folder


def edit(folder):
    (folder / "methods" / "a.py").write_text("a = 2\n", encoding="utf-8")


def unknown(reason: str) -> None:
    assert git.commit() == "unknown"
    assert git.dirty() is None
    assert reason in git.trouble()
    assert "\n" not in git.trouble()


def test_a_clean_tree_and_an_edited_one(tree):
    head = ask(tree, "rev-parse", "HEAD").strip()
    assert (git.commit(), git.dirty(), git.trouble()) == (head, False, "")
    edit(tree)
    assert (git.commit(), git.dirty()) == (head, True)
    (tree / "methods" / "a.py").write_text("a = 1\n", encoding="utf-8")
    assert git.dirty() is False
    (tree / "methods" / "new.py").write_text("", encoding="utf-8")
    assert git.dirty() is True


def test_where_a_repository_was_cloned_from(tree):
    assert git.origin() is None
    ask(tree, "remote", "add", "origin", "git@github.com:a/b.git")
    assert git.origin() == "git@github.com:a/b.git"


def test_what_git_is_told_to_overlook_is_no_clean_tree(tree):
    (tree / ".git" / "info" / "exclude").write_text("methods/hidden.py\n__pycache__\n", encoding="utf-8")
    (tree / "methods" / "__pycache__").mkdir()
    (tree / "methods" / "__pycache__" / "a.pyc").write_text("", encoding="utf-8")
    assert git.dirty() is False
    (tree / "methods" / "hidden.py").write_text("", encoding="utf-8")
    assert git.dirty() is True
    (tree / "methods" / "hidden.py").unlink()
    for mark in ("--assume-unchanged", "--skip-worktree"):
        ask(tree, "update-index", mark, "methods/a.py")
        edit(tree)
        assert git.dirty() is True, mark
        ask(tree, "update-index", mark.replace("--", "--no-"), "methods/a.py")


def test_a_folder_whose_name_the_locale_has_no_letters_for_is_known(tree):
    """Git gives its top in UTF-8, and Python of such a locale takes paths in another encoding."""
    named = tree.rename(tree.with_name("\u00e4 \u65e5"))
    code = "import sys; from benchmark import git; assert sys.getfilesystemencoding() == 'ascii'; print(git.dirty())"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=named, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_no_repository_is_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    unknown("not a git repository")


def test_no_git_is_unknown(tree, monkeypatch):
    monkeypatch.setenv("PATH", str(tree))
    unknown("it cannot be started")


def test_a_repository_without_a_commit_is_unknown(tmp_path, monkeypatch):
    ask(tmp_path, "init", "-q")
    monkeypatch.chdir(tmp_path)
    unknown("Git says nothing of this tree")


def test_an_archive_unpacked_inside_another_repository_is_unknown(tree, monkeypatch):
    (tree / "unpacked" / "methods").mkdir(parents=True)
    monkeypatch.chdir(tree / "unpacked")
    unknown("the repository around it is another one")


def test_a_git_that_refuses_is_unknown(tree, monkeypatch, tmp_path):
    """Git's own test switch for a repository that belongs to somebody else."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setattr(git, "_environment", lambda ours: dict(ours) | {"GIT_CONFIG_GLOBAL": str(tmp_path / "none")})
    unknown("dubious ownership")


def test_a_status_that_fails_is_unknown_and_not_clean(tree):
    (tree / ".git" / "index").write_bytes(b"broken")
    assert git.dirty() is None


def test_the_environment_does_not_point_elsewhere(tree, tmp_path, monkeypatch):
    head = git.commit()
    other = tmp_path / "other"
    other.mkdir()
    ask(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tree))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    edit(tree)
    assert (git.commit(), git.dirty()) == (head, True)


def test_worktrees_and_submodules_are_repositories_of_their_own(tree, tmp_path, monkeypatch):
    head = git.commit()
    ask(tree, "worktree", "add", "-q", str(tmp_path / "second"))
    monkeypatch.chdir(tmp_path / "second")
    assert (git.commit(), git.dirty()) == (head, False)
    outer = tmp_path / "outer"
    outer.mkdir()
    ask(outer, "init", "-q")
    ask(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tree), "inner")
    monkeypatch.chdir(outer / "inner")
    assert (git.commit(), git.dirty()) == (head, False)


def test_who_asks_is_who_git_was_told_and_never_a_guess(tree, monkeypatch, tmp_path):
    for name, value in PLAIN.items():
        monkeypatch.setenv(name, value)
    assert git.author() == "a <a@b>"
    for name in (*PLAIN, "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(tmp_path / "none"))
    assert git.author() is None
    ask(tree, "config", "user.name", "Ada")
    ask(tree, "config", "user.email", "ada@example.org")
    assert git.author() == "Ada <ada@example.org>"


def commit_as(folder, name, message="more"):
    ask(folder, "add", "--all")
    ask(folder, "commit", "-qm", message, f"--author={name} <{name}@example.org>")


def test_authors_are_those_of_the_commit_that_brought_the_content(tree):
    record = tree / "record.json"
    record.write_text("1\n" * 50, encoding="utf-8")
    assert git.authors(Path("record.json")) == []
    commit_as(tree, "Ada", "Record it\n\nCo-authored-by: Bo <bo@example.org>")
    assert git.authors(Path("record.json")) == ["Ada <Ada@example.org>", "Bo <bo@example.org>"]
    record.rename(tree / "moved.json")
    commit_as(tree, "Mover")
    assert git.authors(Path("moved.json"))[0] == "Ada <Ada@example.org>"
    edited = tree / "moved.json"
    edited.write_text("2\n" * 50, encoding="utf-8")
    assert git.authors(Path("moved.json")) == []
    commit_as(tree, "Cy")
    assert git.authors(Path("moved.json")) == ["Cy <Cy@example.org>"]


def test_a_history_that_is_cut_short_names_no_authors(tree, tmp_path, monkeypatch):
    assert git.authors(Path("methods/a.py")) == ["a <a@b>"]
    edit(tree)
    commit_as(tree, "Last")
    ask(tmp_path, "clone", "-q", "--depth", "1", f"file://{tree}", "cut")
    monkeypatch.chdir(tmp_path / "cut")
    assert git.authors(Path("methods/a.py")) == []
