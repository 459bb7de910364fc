"""A copy of the repository with one tiny suite, and commands given in it, for tests of whole runs."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from benchmark import cli
from benchmark.running.run import run_suite

TINY = {
    "tiny": {
        "title": "one epoch of a few digits",
        "dataset": "digits",
        "backbones": [{"name": "cifar_resnet8"}],
        "modules": [2],
        "recipe": {"epochs": 1, "batch": 32, "lr": 0.05},
        "seeds": 2,
        "validation": 0.1,
        "limit": 96,
    }
}


class Watcher:
    """An observer that remembers which cells were trained."""

    def __init__(self):
        self.trained, self.found, self.notes = [], 0, []

    def begin(self, total, done):
        self.found = done

    def progress(self, cell, fraction):
        pass

    def finished(self, cell, record):
        self.trained.append((cell.method, cell.seed, record.status))

    def note(self, sentence):
        self.notes.append(sentence)


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """An empty copy of the repository: plugins, one tiny suite, no results."""
    for folder in ("methods", "datasets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "results").mkdir()
    shutil.copy(ROOT / "results" / "published.csv", tmp_path / "results")
    write_suites(tmp_path, TINY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_suites(folder: Path, suites: dict) -> None:
    (folder / "suites.yaml").write_text(yaml.safe_dump(suites))


def changed(**changes) -> dict:
    return {"tiny": {**TINY["tiny"], **changes}}


def run(*methods: str) -> Watcher:
    watcher = Watcher()
    run_suite("tiny", methods, watcher)
    return watcher


def beyond(monkeypatch, capsys, *arguments: str) -> tuple[int, str]:
    """Exit code and standard error of a command."""
    monkeypatch.setattr(sys, "argv", ["beyond", *arguments])
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = stop.code or 0
    return code, capsys.readouterr().err


def mistake(monkeypatch, capsys, *arguments: str) -> str:
    """The one sentence that a command answers to a mistake."""
    code, err = beyond(monkeypatch, capsys, *arguments)
    assert code == 2
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
    return err
