"""The short form of scripts/inject_faults.py: nothing is lost, false, hanging or left behind after a fault."""

import sys

from conftest import ROOT
from workshop import changed, workshop, write_suites

__all__ = ["workshop"]


def test_after_a_fault_the_same_command_ends_as_if_nothing_had_been(workshop, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from inject_faults import MARK, inject, printed

    assert MARK
    write_suites(workshop, changed(seeds=1))  # two cells
    trials = inject(workshop, seed=3, seconds=240, file_faults=3, process_faults=1)
    assert sum(counts["faults"] for counts in trials.table.values()) >= 4
    assert trials.odd == [], printed(trials)
    sys.modules.pop("inject_faults")
