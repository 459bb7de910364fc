"""The check of a GPU, made on the CPU: each row is kept, a broken one says so, and it ends when its time is up."""

import json
from dataclasses import replace

from benchmark.gpu import check
from benchmark.gpu.check import check_asked, gpu_check
from benchmark.gpu.parts import PLAIN_NETWORKS, PUBLISHED_SETTINGS, parts
from benchmark.gpu.problem import PLAIN, PROBLEMS
from benchmark.planning.published import SETTINGS
from benchmark.running.launch import GRACE, Job

KILLED = "The cell's process was killed by signal 9; this often means that memory ran out."


def test_each_row_is_kept_and_a_broken_one_says_so(tmp_path, monkeypatch):
    few = [part for part in parts(["gim"], "cpu") if part.name in ("machine", "steps")]
    few += [part for part in parts(["e2ebp"], "cpu") if part.name == "pace"]
    few[1] = replace(few[1], jobs=[*few[1].jobs, Job("broken", "launch_jobs:die")])
    monkeypatch.setattr(check, "parts", lambda methods, device: few)
    said, save = [], tmp_path / "new" / "check.json"
    report = gpu_check(["gim"], "cpu", 600, save, said.append)
    kept = json.loads(save.read_text())
    assert kept["unreached"] == report.unreached == []
    rows = {part: {row["name"]: row for row in found} for part, found in kept["parts"].items()}
    assert rows["machine"]["cpu"]["same_pictures"] is rows["machine"]["cpu"]["same_weights"] is True
    row = rows["steps"]["gim"]
    assert row["float64"] == row["float32"] == row["repeats_by"] == 0
    assert (row["repeats"], row["draws"], row["waits"], row["faults"]) == (True, True, [], [])
    assert rows["pace"]["e2ebp"]["fp32_ms"] > 0
    assert 0 < rows["pace"]["e2ebp"]["bf16_losses"] < 0.1
    assert report.faults == [f"steps: broken: {KILLED}"]
    assert f"- broken: {KILLED}" in save.with_suffix(".md").read_text()
    assert len(said) == 4


def test_what_there_was_no_time_for_is_named(tmp_path):
    report = gpu_check(["e2ebp"], "cpu", GRACE, tmp_path / "check.json", print)
    assert json.loads((tmp_path / "check.json").read_text())["unreached"] == report.unreached
    assert "cells: e2ebp, in the sandbox" in report.unreached
    assert "Not reached: machine: cpu; steps: e2ebp" in (tmp_path / "check.md").read_text()


def test_all_methods_are_checked_unless_some_are_named(tmp_path):
    everything, device = check_asked([], "cuda", tmp_path / "check.json")
    assert (everything[0], device) == ("e2ebp", "cuda")
    assert check_asked(["gim"], "cpu", tmp_path / "check.json") == (["gim"], "cpu")


def test_the_parts_know_how_many_jobs_there_are():
    """They are named in a process that does not import torch."""
    assert {device: len(problems) for device, problems in PLAIN.items()} == PLAIN_NETWORKS
    assert len(SETTINGS) == PUBLISHED_SETTINGS
    assert PLAIN.keys() == PROBLEMS.keys()
