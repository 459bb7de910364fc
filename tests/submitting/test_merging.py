"""Two contributors' branches are merged by the three lines of CONTRIBUTING, with real git and DVC: nothing is lost."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from records import make_record, write_runs
from workshop import TINY

from benchmark.engine import golden
from benchmark.errors import UserError
from benchmark.schema.plugins import file_sha256
from benchmark.schema.record import read_records
from benchmark.submitting import merging
from benchmark.submitting.merging import LOCK_START, STAGE, dvc_hash, fits, without_conflicts
from benchmark.submitting.new import starting_file
from benchmark.submitting.register import register

GOLDEN = "benchmark/engine/golden.json"
STAGES = ["tiny@aaa", "tiny@bbb", "tiny@e2ebp"]


def git(*arguments: str, ok: bool = True) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "core.editor=true"]
    done = subprocess.run(["git", *who, *arguments], capture_output=True, text=True, check=ok)
    return done.stdout


def dvc(*arguments: str) -> str:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=True).stdout


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(golden, "FILE", folder / GOLDEN)
    return folder


def record(method: str, top1: float = 90.0) -> None:
    """Records of a method, sealed, as `dvc repro` leaves them."""
    sha = file_sha256(Path(f"methods/{method}.py"))
    for seed in range(2):
        made = make_record(method, 2, seed, top1 + seed, suite="tiny", backbone="cifar_resnet8")
        where = made.provenance.model_copy(
            update={"method_sha256": sha, "git_commit": git("rev-parse", "HEAD").strip()}
        )
        write_runs(Path("results/runs"), made.model_copy(update={"provenance": where}).sealed())
    register()
    seal(method)
    git("add", ".")
    git("commit", "--quiet", "--message", f"Record {method}")


def seal(method: str) -> None:
    """What `dvc commit tiny@METHOD` writes, in no time; one test asks DVC itself whether it is right."""
    lock, out = Path("dvc.lock"), f"results/runs/tiny/{method}"
    deps = ["benchmark/engine/PROTOCOL", "datasets/digits.py", f"methods/{method}.py"]
    entry = {
        "cmd": f"beyond run tiny --method {method}",
        "deps": [{"path": path, "hash": "md5", "md5": dvc_hash(Path(path))} for path in deps],
        "params": {"suites.yaml": TINY},
        "outs": [{"path": out, "hash": "md5", "md5": dvc_hash(Path(out))}],
    }
    text = lock.read_text() if lock.exists() else LOCK_START
    stages = yaml.safe_load(text)["stages"] or {}
    lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages | {f"tiny@{method}": entry}}, sort_keys=False))


def add(method: str) -> None:
    """A branch that adds a method and its records."""
    git("switch", "--quiet", "--create", method, "main")
    Path(f"methods/{method}.py").write_text(starting_file(method))
    register()
    git("add", ".")
    git("commit", "--quiet", "--message", f"Add {method}")
    record(method)


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Path:
    """A repository of one method with records, and two branches, aaa and bbb, that each add one with its records."""
    folder = tmp_path_factory.mktemp("origin")
    for name in ("methods/e2ebp.py", "datasets/digits.py", ".gitattributes", ".gitignore", ".dvc/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "benchmark/engine").mkdir(parents=True)
    for name in (GOLDEN, "benchmark/engine/PROTOCOL"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "suites.yaml").write_text(yaml.safe_dump(TINY))
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["cifar100"]
    pipeline = (
        yaml.safe_dump({"stages": {"tiny": stage}})
        .replace("datasets/cifar100.py", "datasets/digits.py")
        .replace("cifar100", "tiny")
    )
    (folder / "dvc.yaml").write_text(pipeline)
    (folder / "results").mkdir()
    (folder / "README.md").write_text(f"before\n\n| method | family | a | b | c |\n{5 * '| --- '}|\n\nafter\n")
    with pytest.MonkeyPatch.context() as patch:
        enter(folder, patch)
        git("init", "--quiet", "--initial-branch", "main")
        register()
        git("add", ".")
        git("commit", "--quiet", "--message", "Begin")
        record("e2ebp")
        add("aaa")
        add("bbb")
    return folder


@pytest.fixture
def clone(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone on the branch aaa."""
    git("clone", "--quiet", "--branch", "aaa", str(origin), str(tmp_path / "clone"))
    return enter(tmp_path / "clone", monkeypatch)


def whole() -> None:
    """Nothing of either side is lost, and nothing is merged by halves."""
    assert git("diff", "--name-only", "--diff-filter=U") == ""
    assert git("grep", "--line-number", "-E", "^(<<<<<<<|>>>>>>>)", ok=False) == ""
    assert yaml.safe_load(Path("params.yaml").read_text())["methods"] == ["aaa", "bbb", "e2ebp"]
    assert re.findall(r"^\| `(\w+)`", Path("README.md").read_text(), re.M) == ["e2ebp", "aaa", "bbb"]
    known = golden.stored()
    assert set(known["files"]) == set(known["trajectories"]) == {"aaa", "bbb", "e2ebp"}
    records = list(read_records(Path("results/runs")))
    assert len(records) == 6
    assert all(each.genuine for each in records)
    assert set(pd.read_csv("results/leaderboard.csv")["method"]) == {"aaa", "bbb", "e2ebp"}
    for name in ("aaa", "bbb", "e2ebp"):
        assert json.loads(Path(f"results/methods/{name}.json").read_text())["files"]
    stages = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    assert sorted(stages) == STAGES
    assert all(fits(yaml.safe_dump(each)) for each in stages.values())


def the_three_lines() -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    block = re.search(r"## Merging.*?```sh\n(.*?)```", text, re.S)
    assert block
    return [line.split("#")[0].strip() for line in block[1].splitlines()]


def test_the_committed_stages_are_read_as_dvc_wrote_them():
    text = (ROOT / "dvc.lock").read_text()
    stages = dict(STAGE.findall(text))
    assert LOCK_START + "".join(f"  {name}:\n{entry}" for name, entry in stages.items()) == text
    outs = [out for entry in stages.values() for out in yaml.safe_load(entry)["outs"]]
    assert [out["path"] for out in outs if dvc_hash(Path(out["path"])) != out["md5"]] == []


def test_the_three_lines_of_contributing_merge_two_branches(clone: Path):
    merge, again, commit = the_three_lines()
    assert (again, commit) == ("beyond register", "git add . && git commit --no-edit")
    git(*merge.replace("BRANCH", "origin/bbb").split()[1:], ok=False)
    assert len(git("diff", "--name-only", "--diff-filter=U").split()) > 5
    register()
    git("add", ".")
    git("commit", "--no-edit")
    whole()
    assert json.loads(dvc("status", "--json", *STAGES)) == {}
    register()
    assert git("status", "--porcelain") == ""


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_either_side_may_have_been_taken_and_committed_before(clone: Path, side: str):
    git("merge", "origin/bbb", ok=False)
    git("checkout", f"--{side}", *git("diff", "--name-only", "--diff-filter=U").split())
    git("add", ".")
    git("commit", "--no-edit")
    register()
    whole()


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_conflict_markers_are_mended_and_may_even_be_committed(clone: Path, style: str):
    """As git leaves them for who has no .gitattributes yet."""
    Path(".gitattributes").unlink()
    git("commit", "--quiet", "--all", "--message", "Take away")
    git("-c", f"merge.conflictStyle={style}", "merge", "origin/bbb", ok=False)
    assert "<<<<<<< " in Path("dvc.lock").read_text() + Path(GOLDEN).read_text()
    git("add", ".")
    git("commit", "--no-edit")
    register()
    whole()


def test_a_rebase_is_mended_as_well(clone: Path):
    git("rebase", "origin/bbb", ok=False)
    for _ in range(9):
        if not git("rev-parse", "--verify", "--quiet", "REBASE_HEAD", ok=False):
            break
        register()
        git("add", ".")
        git("rebase", "--continue", ok=False)
    whole()


def test_what_a_person_has_to_decide_is_named_and_nothing_is_written(clone: Path):
    text = Path("methods/e2ebp.py").read_text()
    git("switch", "--quiet", "--create", "theirs", "origin/bbb")
    Path("methods/e2ebp.py").write_text(text + "# theirs\n")
    git("commit", "--quiet", "--all", "--message", "Edit")
    git("switch", "--quiet", "aaa")
    Path("methods/e2ebp.py").write_text(text + "# ours\n")
    git("commit", "--quiet", "--all", "--message", "Edit")
    git("merge", "theirs", ok=False)
    before = Path("README.md").read_text()
    with pytest.raises(UserError, match=r"^methods/e2ebp\.py is in conflict: decide what it shall say, `git add meth"):
        register()
    assert Path("README.md").read_text() == before
    Path("methods/e2ebp.py").write_text(text)
    git("add", "methods/e2ebp.py")
    register()
    git("add", ".")
    whole()


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_records_of_one_cell_are_taken_whole_and_their_stage_with_them(clone: Path, side: str):
    git("switch", "--quiet", "--create", "theirs", "origin/bbb")
    record("e2ebp", 50.0)
    git("switch", "--quiet", "aaa")
    record("e2ebp", 60.0)
    git("merge", "theirs", ok=False)
    with pytest.raises(UserError, match="was written on both sides") as caught:
        register()
    place = "results/runs/tiny/e2ebp"
    assert f"`git checkout --ours {place}`" in str(caught.value)
    git("checkout", f"--{side}", place)
    git("add", place)
    register()
    git("add", ".")
    whole()
    top1 = [each.accuracy.test_top1 for each in read_records(Path("results/runs")) if each.identity.method == "e2ebp"]
    assert top1 == ([60.0, 61.0] if side == "ours" else [50.0, 51.0])


@pytest.mark.parametrize("sides", [("one", "other"), ("other", "one")])
def test_a_text_that_is_a_first_one_on_either_side_stays_one(tmp_path: Path, monkeypatch, sides: tuple[str, str]):
    """So that the editions of both sides stay editions, and none is one of an edition."""
    monkeypatch.chdir(tmp_path)
    merging.SAID.mkdir(parents=True)
    b, c = {"source": "b"}, {"source": "c"}
    told = {"one": {"a": {}, "b": b | {"edition_of": "a"}}, "other": {"b": b, "c": c | {"edition_of": "b"}}}
    ours, theirs = (json.dumps({"files": told[side]}) for side in sides)
    (merging.SAID / "mine.json").write_text(ours)
    monkeypatch.setattr(merging, "_texts", lambda path, revisions: [ours, theirs])
    merging.unite_sources()
    found = json.loads((merging.SAID / "mine.json").read_text())["files"]
    assert found == {"a": {}, "b": b, "c": c | {"edition_of": "b"}}


def test_one_search_of_a_suite_is_decided_and_no_other(monkeypatch):
    monkeypatch.setattr(merging, "_unmerged", lambda: ["results/tuned/tiny/dgl.json"])
    with pytest.raises(UserError, match=r"`git checkout --ours results/tuned/tiny/dgl\.json`"):
        merging.check_conflicts()


CONFLICT = "<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> bbb\n"


def test_only_conflicts_of_the_table_are_mended_in_the_readme():
    rows = CONFLICT.format(ours="| `a` | b |\n", theirs="")
    assert without_conflicts(f"before\n{rows}after\n") == "before\n| `a` | b |\nafter\n"
    with pytest.raises(UserError, match=r"^README\.md is in conflict \(line 6\)"):
        without_conflicts(f"before\n{rows}{CONFLICT.format(ours='mine' + chr(10), theirs='')}")


def test_golden_trajectories_that_nobody_can_read_are_a_sentence(clone: Path):
    Path(GOLDEN).write_text("<<<<<<< HEAD")
    with pytest.raises(UserError, match=r"golden\.json cannot be read: take it from an earlier commit"):
        register()


def test_a_lock_that_is_not_as_dvc_writes_it_is_left_alone(clone: Path):
    git("merge", "origin/bbb", ok=False)
    odd = Path("dvc.lock").read_text() + "\n# a note\n"
    Path("dvc.lock").write_text(odd)
    with pytest.raises(UserError, match=r"^dvc\.lock is not as DVC writes it"):
        register()
    assert Path("dvc.lock").read_text() == odd
