"""A control group of its own: made where that is allowed, used, and removed.

The kernel's part is played by plain files: no machine of ours hands cgroup v2 down, so what it does with the limits is
not tried here.
"""

import shutil
from pathlib import Path

import pytest
from confined import confined

from benchmark.sandbox import cgroup
from benchmark.sandbox.cgroup import own_group
from benchmark.sandbox.run import GIB, Limits

FILES = ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cgroup.procs", "cgroup.kill")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A false file system of control groups, in which we are at /app/own."""
    root, own = tmp_path / "cgroup", tmp_path / "self"
    (root / "app" / "own").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("memory pids\n")
    own.write_text("0::/app/own\n")
    monkeypatch.setattr(cgroup, "ROOT", root)
    monkeypatch.setattr(cgroup, "OWN", own)
    return root


@pytest.fixture
def kernel(groups, monkeypatch):
    """It puts files into new groups, and keeps what stood in them when they are removed."""
    seen, mkdir = {}, Path.mkdir

    def makes(folder, *arguments, **others):
        mkdir(folder, *arguments, **others)
        for name in FILES if folder.name.startswith("beyond-") else ():
            (folder / name).touch()

    def removes(folder):
        seen.update({file.name: file.read_text() for file in folder.iterdir()}, place=folder.parent)
        shutil.rmtree(folder)

    monkeypatch.setattr(Path, "mkdir", makes)
    monkeypatch.setattr(Path, "rmdir", removes)
    return seen


def test_a_group_is_made_beside_our_own_and_the_process_joins_it(groups, kernel, tmp_path, monkeypatch):
    limits = Limits(seconds=60, memory=GIB, threads=77)
    ran = confined(tmp_path, monkeypatch, "def main(send, arguments):\n    send({'it': 'runs'})", limits)
    assert (ran.heard, ran.ending.how) == ([{"it": "runs"}], "done")
    assert kernel["cgroup.procs"].strip().isdigit()
    assert (kernel["memory.max"], kernel["pids.max"], kernel["cgroup.kill"]) == (str(GIB), "77", "1")
    assert kernel["place"] == groups / "app"
    assert [p.name for p in (groups / "app").iterdir()] == ["own"]


def test_what_the_kernel_killed_for_memory_is_said(groups, kernel, tmp_path, monkeypatch):
    monkeypatch.setattr(cgroup.Group, "_read", lambda group, name: ["oom 1", "oom_kill 1"])
    text = "def main(send, arguments):\n    import signal\n    os.kill(os.getpid(), signal.SIGKILL)"
    ran = confined(tmp_path, monkeypatch, text, Limits(seconds=60, memory=GIB))
    assert ran.ending.sentence == "It was stopped at 1 GiB, the memory limit."


def test_without_controllers_or_a_way_there_is_none_and_nothing_is_left(groups):
    with own_group(1, 1) as group:
        assert group is None
    assert [str(p.relative_to(groups)) for p in sorted(groups.rglob("*"))] == ["app", "app/own", "cgroup.controllers"]


@pytest.mark.parametrize("own", ["4:memory:/x\n0::/\n", "0::/../outside\n", "", "9:name=systemd:/\n"])
def test_no_group_is_looked_for_outside_the_tree_or_in_an_old_one(groups, own):
    cgroup.OWN.write_text(own)
    assert all(place.is_relative_to(groups) for place in cgroup._places())
    (groups / "cgroup.controllers").unlink()
    assert cgroup._places() == []
