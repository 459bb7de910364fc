"""``beyond register``: after one command nothing of a new method is left to be edited by hand."""

import json
import shutil

import pytest
import yaml
from conftest import METHOD_IDS, ROOT

from benchmark.engine import golden
from benchmark.new import starting_file
from benchmark.register import register


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Plugins, README and pipeline of the repository, and one method more."""
    for folder in ("methods", "datasets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("README.md", "params.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    monkeypatch.setattr(golden, "FILE", tmp_path / "golden.json")
    shutil.copy(ROOT / "benchmark" / "engine" / "golden.json", tmp_path)
    (tmp_path / "methods" / "my_method.py").write_text(starting_file("my_method"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_method_gets_stages_a_trajectory_and_a_line_in_the_readme(copy):
    before = golden.stored()["trajectories"]
    assert register() == ["my_method"]
    assert yaml.safe_load((copy / "params.yaml").read_text())["methods"] == sorted([*METHOD_IDS, "my_method"])
    now = golden.stored()
    assert {key: now["trajectories"][key] for key in before} == before
    assert len(now["trajectories"]["my_method"]) > golden.STEPS
    assert now["files"].keys() == {*METHOD_IDS, "my_method"}
    lines = (copy / "README.md").read_text().splitlines()
    (line,) = [i for i, text in enumerate(lines) if "`my_method`" in text]
    assert lines[line].startswith("| `my_method` | weakly modular | update, backward | full | [you 20")
    assert "weakly modular" in lines[line - 1]
    assert "strictly modular" in lines[line + 1]


def test_registering_twice_changes_nothing_and_what_is_gone_is_forgotten(copy):
    register()
    files = ("README.md", "params.yaml", "golden.json")
    first = [(copy / name).read_text() for name in files]
    assert register() == []
    assert [(copy / name).read_text() for name in files] == first
    (copy / "methods" / "my_method.py").unlink()
    register()
    assert json.loads((copy / "golden.json").read_text()) == json.loads(
        (ROOT / "benchmark" / "engine" / "golden.json").read_text()
    )
