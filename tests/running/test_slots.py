"""Slots: the user's own GPUs under the user's own names, and only as many cores as a container may use."""

import os

import pytest

from benchmark.errors import UserError
from benchmark.running.cores import cores, quotas
from benchmark.running.slots import described, own, slots, visible_gpus


@pytest.mark.parametrize(
    ("listed", "count", "expected"),
    [
        ("4,5", 2, ["4", "5"]),
        (" 5 , 4", 2, ["5", "4"]),
        ("GPU-8932f937-d72c,GPU-2b1d", 2, ["GPU-8932f937-d72c", "GPU-2b1d"]),
        ("MIG-GPU-8932f937/1/0", 1, ["MIG-GPU-8932f937/1/0"]),
        ("", 0, []),
        ("-1", 0, []),
        ("6,-1,7", 1, ["6"]),
        ("6,none,7", 1, ["6"]),
        ("3,3,4", 3, ["3", "4"]),
        ("4,9", 1, ["4"]),
    ],
)
def test_gpus_keep_the_names_of_the_users_list(monkeypatch, listed, count, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert visible_gpus(count) == expected


def test_without_a_list_gpus_are_counted(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert slots(3) == ["0", "1", "2"]


def test_a_slot_of_a_processor_sees_no_gpu_whatever_the_user_lists(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    assert set(slots(0)) == {""}
    assert slots(0, jobs=3) == [""] * 3


def test_more_cells_than_gpus_share_them_in_turn(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    assert slots(2, jobs=3) == ["4", "5", "4"]
    assert slots(2, jobs=1) == ["4"]
    assert described(slots(2)) == "2 cells side by side on GPUs 4, 5."
    assert described(slots(2, jobs=1)) == "1 cell on GPU 4."


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_cells_at_once_is_refused(jobs):
    with pytest.raises(UserError, match=f"--jobs {jobs} would train nothing"):
        slots(0, jobs=jobs)


def test_a_list_that_names_no_gpu_is_said(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(UserError, match="CUDA_VISIBLE_DEVICES is '-1', which names no GPU"):
        slots(1)


@pytest.mark.parametrize(
    ("files", "membership", "expected"),
    [
        ({"cpu.max": "150000 100000"}, "0::/", [1.5]),
        ({"cpu.max": "max 100000"}, "0::/", []),
        ({"box/cpu.max": "400000 100000", "box/cell/cpu.max": "max 100000"}, "0::/box/cell", [4.0]),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/docker/12", [2.0]),
        ({"cpu/b/cpu.cfs_quota_us": "50000", "cpu/b/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/b", [0.5]),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/", []),
        ({"cpu.max": "nonsense"}, "nonsense", []),
        ({"unified/box/cpu.max": "100000 100000"}, "0::/box", [1.0]),
        ({}, "", []),
    ],
)
def test_a_containers_quota_is_seen(tmp_path, monkeypatch, files, membership, expected):
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text + "\n")
    (tmp_path / "membership").write_text(membership + "\n")
    assert list(quotas(tmp_path / "cgroup", tmp_path / "membership")) == expected
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert cores(tmp_path / "cgroup", tmp_path / "membership") == (max(1, int(expected[0])) if expected else 8)


def test_a_core_that_affinity_takes_away_is_no_slot(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert (cores(), len(slots(0))) == (1, 1)


def test_a_cell_of_several_gpus_has_them_for_itself(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert slots(5, each=2) == ["0,1", "2,3"]
    assert [own("2,3", 1), own("", 1), own(None, 1)] == ["3", "", None]
    with pytest.raises(UserError, match="there are 2 GPUs here"):
        slots(2, each=4)
