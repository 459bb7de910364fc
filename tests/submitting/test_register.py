"""``beyond register``: after one command nothing of a new method is left to be edited by hand."""

import json
import shutil

import pytest
import yaml
from conftest import EVERYWHERE, METHOD_IDS, ROOT

from benchmark.engine import golden
from benchmark.errors import UserError
from benchmark.submitting.new import starting_file
from benchmark.submitting.register import register, short_authors, with_table, without_suite


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
    assert yaml.safe_load((copy / "params.yaml").read_text())["methods"] == sorted([*EVERYWHERE, "my_method"])
    now = golden.stored()
    assert {key: now["trajectories"][key] for key in before} == before
    assert len(now["trajectories"]["my_method"]) > golden.STEPS
    assert now["files"].keys() == {*METHOD_IDS, "my_method"}
    lines = (copy / "README.md").read_text().splitlines()
    (line,) = [i for i, text in enumerate(lines) if "`my_method`" in text]
    assert lines[line].startswith("| `my_method` | weakly modular | update, backward | full | My method, [you 20")
    assert "weakly modular" in lines[line - 1]
    assert "strictly modular" in lines[line + 1]
    assert json.loads((copy / "results/methods/my_method.json").read_text())["title"] == "My method"


def test_a_method_for_networks_of_a_kind_waits_for_a_suite_that_names_it(copy):
    path = copy / "methods" / "my_method.py"
    path.write_text(
        path.read_text().replace("    defaults", '    requires = "tokens"\n    everywhere = False\n    defaults')
    )
    suites = yaml.safe_load((ROOT / "suites.yaml").read_text())
    for methods, waiting in ([], ["my_method"]), (["my_method"], []):
        suites["digits_vit"]["methods"] += methods
        (copy / "suites.yaml").write_text(yaml.safe_dump(suites))
        assert without_suite() == waiting


def test_registering_twice_changes_nothing_and_what_is_gone_is_forgotten(copy):
    register()
    files = ("README.md", "params.yaml", "golden.json")
    first = [(copy / name).read_text() for name in files]
    assert register() == []
    assert [(copy / name).read_text() for name in files] == first
    path = copy / "methods" / "my_method.py"
    path.write_text(path.read_text().replace('title = "My method"', 'title = "Mine | [yours](x)"'))
    register()
    assert "| full | Mine \\| \\[yours\\](x), [you" in (copy / "README.md").read_text()
    path.unlink()
    register()
    assert (copy / "README.md").read_text() == (ROOT / "README.md").read_text()
    assert json.loads((copy / "golden.json").read_text()) == json.loads(
        (ROOT / "benchmark" / "engine" / "golden.json").read_text()
    )


@pytest.mark.parametrize("end", ["", "\n", "\n\nmore\n"])
def test_the_table_is_found_however_it_is_ruled_and_ended(end):
    table = "| method | family | a |\n| :-- | --- | --: |\n"
    once = with_table(f"before\n\n{table}| `gone` | x | y |{end}", ["dgl"])
    assert "gone" not in once
    assert once.startswith(f"before\n\n{table}| `dgl` | weakly modular |")
    assert with_table(once, ["dgl"]) == once


def test_a_readme_without_the_table_is_a_mistake():
    with pytest.raises(UserError, match="has no table that begins"):
        with_table("nothing", ["dgl"])


def test_what_does_not_train_is_one_sentence_and_nothing_is_written(copy):
    path = copy / "methods" / "my_method.py"
    path.write_text(path.read_text().replace("return F.cross_entropy", "return 1 / 0 * F.cross_entropy"))
    files = ("README.md", "params.yaml", "golden.json")
    before = [(copy / name).read_text() for name in files]
    with pytest.raises(UserError, match=r"methods/my_method\.py does not train \(ZeroDivisionError: "):
        register()
    assert [(copy / name).read_text() for name in files] == before


def test_elsewhere_than_in_the_repository_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "FILE", tmp_path / "golden.json")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(UserError, match="run `beyond` from the top of the repository"):
        register()
    assert not list((tmp_path / "empty").iterdir())
    assert not (tmp_path / "golden.json").exists()


@pytest.mark.parametrize(
    ("authors", "short"),
    [
        ("Nøkland", "Nøkland"),
        ("Nøkland & Eidnes", "Nøkland & Eidnes"),
        ("Duan, Yu & Principe", "Duan et al."),
        ("Lee, Zhang, Fischer & Bengio; Meulemans et al.", "Lee et al."),
    ],
)
def test_authors_are_named_shortly(authors, short):
    assert short_authors(authors) == short
