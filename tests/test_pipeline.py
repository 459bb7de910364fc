"""The pipeline: a stage for each (suite, method), stale when it should be and only then."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import EVERYWHERE, METHOD_IDS, ROOT
from dvc.repo import Repo

from benchmark.schema.plugins import METHODS, method_metadata
from benchmark.schema.record import read_records
from benchmark.schema.suite import load_suites
from benchmark.tables.files import write_tables
from benchmark.verifying.trials import trials

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SUITES = load_suites(ROOT / "suites.yaml")
PAPERS = "papers_small"  # the group of the suites that single papers' settings are
GROUPS = [name for name in SUITES if not name.startswith(f"{PAPERS}_")]  # a group of stages each


def stage_of(suite: str, method: str) -> str:
    paper = suite.removeprefix(f"{PAPERS}_")
    return f"{suite}@{method}" if paper == suite else f"{PAPERS}@{paper}-{method}"


SEALED = sorted(yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"])
SOME = [stage for stage in SEALED if stage.partition("@")[2] in ("dgl", "e2ebp", "trgl")]  # CI asks for all of them


def test_the_list_of_methods_is_the_folder_but_for_those_that_only_suites_that_name_them_train():
    assert yaml.safe_load((ROOT / "params.yaml").read_text())["methods"] == EVERYWHERE
    named = {name for suite in SUITES.values() for name in suite.methods or []}
    assert "diffusion_blocks" in named - set(EVERYWHERE)
    assert set(METHOD_IDS) == named | set(EVERYWHERE)


@pytest.mark.parametrize("suite", GROUPS)
def test_every_suite_is_a_group_of_stages_over_its_methods(suite):
    tuned = [f"results/tuned/{suite}/{method}.json" for method in ("${item.method}", "e2ebp")]
    is_tuned = "tuned" in SUITES[suite].seeds
    check_stage(suite, "run", suite, tuned if is_tuned else [], f"results/runs/{suite}/${{item.method}}")
    if is_tuned:
        check_stage(f"tune_{suite}", "tune", suite, [], tuned[0])


@pytest.mark.parametrize("suite", [name for name, suite in SUITES.items() if suite.examine])
def test_every_track_is_examined_by_a_stage_after_its_training(suite):
    stage = PIPELINE[f"examine_{suite}"]
    assert stage["cmd"] == f"beyond examine {suite}"
    files = [f"benchmark/examinations/{name}.py" for name in SUITES[suite].examine]
    assert stage["deps"] == [f"results/runs/{suite}", *files]
    assert all((ROOT / name).exists() for name in files)
    assert stage["params"] == [{"suites.yaml": [suite]}]
    assert stage["outs"] == [{f"results/examined/{suite}": {"cache": False, "persist": True}}]


def check_stage(name, command, suite, more, out):
    stage = PIPELINE[name]
    assert stage["matrix"] == {"method": SUITES[suite].methods or "${methods}"}
    assert stage["cmd"] == f"beyond {command} {suite} --method ${{item.method}}"
    dataset = f"datasets/{SUITES[suite].dataset}.py"
    assert stage["deps"] == ["methods/${item.method}.py", dataset, "benchmark/engine/PROTOCOL", *more]
    assert stage["params"] == [{"suites.yaml": [suite]}]
    assert stage["outs"] == [{out: {"cache": False, "persist": True}}]


def test_the_suites_of_single_papers_are_one_group_of_stages():
    items = PIPELINE[PAPERS]["foreach"].values()
    papers = {name: suite for name, suite in SUITES.items() if name.startswith(f"{PAPERS}_")}
    wanted = [(name, method, suite.dataset) for name, suite in papers.items() for method in suite.methods]
    assert sorted((item["suite"], item["method"], item["dataset"]) for item in items) == sorted(wanted)
    assert all(suite.leading == "paper" for suite in papers.values())


def test_there_is_a_stage_for_each_suite_and_method_of_it():
    names = dvc(ROOT, "stage", "list", "--name-only").split()
    trained = {name: suite.methods or EVERYWHERE for name, suite in SUITES.items()}
    wanted = [stage_of(name, method) for name, methods in trained.items() for method in methods]
    wanted += [
        f"tune_{name}@{m}" for name, methods in trained.items() if "tuned" in SUITES[name].seeds for m in methods
    ]
    wanted += [f"examine_{name}" for name, suite in SUITES.items() if suite.examine]
    assert sorted(names) == sorted(wanted)


def test_every_method_has_metadata_that_is_read_without_importing_it():
    for name in METHOD_IDS:
        metadata = method_metadata(ROOT / METHODS / f"{name}.py")
        assert metadata["paper"].startswith("https://")
        assert metadata["doc"]
    titles = [method_metadata(ROOT / METHODS / f"{name}.py")["title"] for name in METHOD_IDS]
    assert len(set(titles)) == len(titles)


def test_committed_records_are_genuine_and_the_tables_are_made_from_them(tmp_path):
    records = list(read_records(ROOT / "results" / "runs"))
    assert records
    assert all(record.genuine for record in records)
    assert {r.provenance.method_sha256 for r in records if r.provenance}  # every one names its method's file
    shutil.copytree(ROOT / "results", tmp_path / "results")
    write_tables(tmp_path / "results")
    for name in (
        "leaderboard.csv",
        "reproductions.csv",
        "claims.csv",
        "claim_cases.csv",
        "curves.csv",
        "metrics/digits/dgl.json",
    ):
        assert (tmp_path / "results" / name).read_text() == (ROOT / "results" / name).read_text(), name


def test_committed_searches_try_what_is_drawn_for_all():
    found, unfit, forged = trials([], [])
    assert found
    assert (unfit, forged) == ([], [])


def test_touching_a_method_makes_its_stages_stale_and_no_others(tmp_path):
    """In a copy of the working tree, so that it holds before a commit, too."""
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for name in tracked:
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    with Repo(str(tmp_path)) as repo, repo.lock:  # which `dvc status` would read twice, for half a minute each time
        some = [stage for stage in repo.index.stages if stage.name in SOME]
        assert [stage for stage in some if stage.status()] == [], "a fresh clone must be up to date"
        with open(tmp_path / "methods" / "dgl.py", "a") as file:
            file.write("# touched\n")
        stale = {stage.name for stage in some if stage.status()}
    assert len(some) == len(SOME)
    assert stale == {stage for stage in SOME if stage.endswith("@dgl")}


def test_dvcs_own_views_show_the_rows_and_need_no_foreign_host(tmp_path):
    table = dvc(ROOT, "metrics", "show")
    assert "results/metrics/digits/dgl.json" in table
    assert "top1.k4" in table
    dvc(ROOT, "plots", "show", "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    assert "vegaEmbed('#learning_curves'" in page
    assert {line for line in page.splitlines() if "<script src" in line} == {
        '    <script src="../.dvc/vega.js"></script>'
    }
    assert (ROOT / ".dvc" / "vega.js").stat().st_size > 2**18  # as `make setup` wrote it


def dvc(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
