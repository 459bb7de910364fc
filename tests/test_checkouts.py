"""Two checkouts, one environment: ``beyond`` of the one refuses to run half of the other."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT
from needs import needs

from benchmark.errors import UserError
from benchmark.schema.checkout import check_one_checkout

START = "import sys; sys.path[:] = [p for p in sys.path if p]; from benchmark.cli import main; main()"


def beyond(folder, *arguments) -> subprocess.CompletedProcess:
    """The command of this environment, given in ``folder``, as its console script would be."""
    env = os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def second(tmp_path):
    """A second checkout: a git worktree of this one, without its results."""
    folder = tmp_path / "second"
    ask = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*ask, "add", "-q", "--detach", "--no-checkout", str(folder)], check=True, capture_output=True)
    try:
        files = ["benchmark", "methods", "datasets", "suites.yaml"]
        subprocess.run(["git", "-C", str(folder), "checkout", "-q", "HEAD", "--", *files], check=True)
        yield folder
    finally:
        subprocess.run([*ask, "remove", "--force", str(folder)], check=True, capture_output=True)


@needs("git")
def test_a_second_checkout_is_one_sentence_and_nothing_runs(second):
    for arguments in (
        ["run", "digits", "--method", "e2ebp"],
        ["table"],
        ["plan", "digits"],
        ["check", "methods/dgl.py"],
    ):
        done = beyond(second, *arguments)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert f"this `beyond` runs that of {ROOT}; use the environment of this checkout" in done.stderr
    assert not (second / "results").exists()
    assert not (second / ".beyond").exists()
    assert beyond(second, "--help").returncode == 0


@needs("git")
def test_the_checkout_itself_and_a_folder_of_plugins_are_no_second_one(tmp_path):
    assert beyond(ROOT, "table", "--help").returncode == 0
    check_one_checkout(ROOT)
    check_one_checkout(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(ROOT)
    check_one_checkout(link)
    (tmp_path / "benchmark").mkdir()  # somebody's benchmarks, and no package
    check_one_checkout(tmp_path)


@pytest.mark.parametrize("file", ["benchmark.py", "benchmark/__init__.py"])
def test_a_package_of_that_name_here_is_refused(tmp_path, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="has a package `benchmark` of its own"):
        check_one_checkout(tmp_path)
