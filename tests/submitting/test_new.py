"""``beyond new``: what it writes is a method that passes every check, and nothing is overwritten."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from benchmark import cli
from benchmark.errors import UserError
from benchmark.schema.plugins import DATASETS, METHODS, method_metadata
from benchmark.submitting.check.names import CHECKS
from benchmark.submitting.check.worker import check_method
from benchmark.submitting.new import starting_file, write_method


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for folder in (METHODS, DATASETS):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "suites.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_it_writes_passes_every_check(repository):
    found = {f.check: f for f in check_method(write_method("my_method"))}
    assert [f.sentence for f in found.values() if not f.passed] == []
    assert list(found) == ["metadata", "imports", *CHECKS]
    said = method_metadata(METHODS / "my_method.py")
    assert (said["title"], said["year"]) == ("My method", datetime.now(UTC).year)
    assert "class MyMethod(LocalMethod):" in (METHODS / "my_method.py").read_text()


@pytest.mark.parametrize(
    "name", ["my_method", "a", "hsic_2", "none", "f", "a_rather_long_name_for_a_method_that_nobody_will_type"]
)
def test_what_it_writes_is_clean(name):
    for command in (["check"], ["format", "--check"]):
        ruff = [
            sys.executable,
            "-m",
            "ruff",
            *command,
            "--config",
            "pyproject.toml",
            "--stdin-filename",
            f"methods/{name}.py",
        ]
        done = subprocess.run([*ruff, "-"], input=starting_file(name), text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_says_what_to_do_next(repository):
    said = CliRunner().invoke(cli.app, ["new", "my_method"]).output
    for step in ("beyond check methods/my_method.py", "beyond register", "dvc repro digits@my_method"):
        assert step in said


@pytest.mark.parametrize("name", ["none", "true", "f", "tensor", "local_method"])
def test_no_class_hides_a_name_that_the_file_needs(name):
    classname = re.search(r"^class (\w+)", starting_file(name), re.MULTILINE)[1]
    assert classname.endswith("Method")
    compile(starting_file(name), name, "exec")
    assert len(re.findall(rf"\b{classname}\b", starting_file(name))) == 1


@pytest.mark.parametrize("name", ["My-method", "../my_method", "my method", "_mine", "2nd", ""])
def test_a_bad_name_is_refused(repository, name):
    with pytest.raises(UserError, match="is no method id; begin with a small letter"):
        write_method(name)


def test_nothing_is_overwritten(repository):
    before = (METHODS / "dgl.py").read_text()
    with pytest.raises(UserError, match=r"methods/dgl\.py is there already"):
        write_method("dgl")
    assert (METHODS / "dgl.py").read_text() == before


def test_elsewhere_than_in_the_repository_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="from the top of the repository"):
        write_method("mine")
