"""The table of costs: a line of it at a tiny size, and which lines are measured again."""

import importlib
from dataclasses import replace
from types import ModuleType

import pytest
from conftest import ROOT
from rich.console import Console

from benchmark.schema.plugins import file_sha256


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on a smaller network and a batch of four."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    small, script = importlib.import_module("resnet32"), importlib.import_module("cost_table")
    monkeypatch.setattr(small, "BACKBONE", "cifar_resnet8")
    monkeypatch.setattr(small, "CUTS", {2: ["layer2.0"]})
    monkeypatch.setattr(small, "SIZE", 4)
    monkeypatch.setattr(script, "twin_cost", script.twin_cost.__wrapped__)
    return script


def test_a_line_compares_a_method_with_its_twin(script: ModuleType) -> None:
    row = script.measure("predsim", 2, pairs=1)
    assert row.key == ("predsim", 2)
    assert row.variant == "predsim"
    assert row.sha256 == file_sha256(ROOT / "methods" / "predsim.py")
    assert row.pairs == 1
    assert row.auxiliary_parameters == (32 * 8 * 16 + 1) * 10 + 32 * 32 * 9  # a pooled predictor, and a convolution
    assert row.flops_ratio > 1
    assert row.time_per_flops == pytest.approx(row.time_ratio / row.flops_ratio, abs=0.01)
    own = script.measure("e2ebp", 2, pairs=1)
    assert (own.peak_ratio, own.flops_ratio, own.auxiliary_parameters) == (1, 1, 0)


def test_timed_pairs_are_spread_over_the_phases(script: ModuleType) -> None:
    assert script.measure("modular_kernel", 2, pairs=4).pairs == 4  # two phases
    assert script.measure("modular_kernel", 2, pairs=1).pairs == 2


def test_lines_are_kept_until_their_method_changes(script: ModuleType, tmp_path) -> None:
    row = script.Row("dgl", "", 4, 0.4, 1.3, 1.0, 1.3, 12, 650, 5, file_sha256(ROOT / "methods" / "dgl.py"))
    path = tmp_path / "costs.csv"
    assert script.read_rows(path) == {}
    script.write_rows({row.key: row}, path)
    assert script.read_rows(path) == {("dgl", 4): row}
    assert [p.name for p in tmp_path.iterdir()] == ["costs.csv"]
    assert script.is_fresh(row)
    assert not script.is_fresh(replace(row, sha256="0" * 64))
    assert not script.is_fresh(None)


def test_time_that_the_flops_do_not_explain_is_red(script: ModuleType) -> None:
    fast = script.Row("a", "", 4, 0.4, 1.2, 1.0, 1.2, 0, 650, 5, "")
    slow = replace(fast, method="b", time_per_flops=1.3)
    console = Console(record=True, width=200, force_terminal=True, color_system="standard")
    console.print(script.as_table({row.key: row for row in (fast, slow)}))
    text = console.export_text(styles=True)
    assert "\x1b[31m1.30" in text
    assert "\x1b[31m1.20" not in text
