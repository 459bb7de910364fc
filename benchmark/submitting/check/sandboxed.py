"""The trusted side of ``beyond check``: reads the file, runs its trials in a sandbox, prints what they find.

The file is never imported here. The sandbox holds copies of what a check needs, and the training and held-out
digits, and nothing of the test split.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from benchmark.sandbox.run import Ending, Limits, protections, run_sandboxed
from benchmark.sandbox.scratch import scratch_folder
from benchmark.schema.plugins import DATASETS, METHODS, plugin_path
from benchmark.schema.suite import TWIN
from benchmark.submitting.check.findings import Finding, find, printable
from benchmark.submitting.check.imports import check_imports
from benchmark.submitting.check.metadata import check_metadata
from benchmark.submitting.check.names import CHECKS, LOADS, PICTURES

LIMITS = Limits(seconds=300.0)
Begin = Callable[[str], None]
Tell = Callable[[Finding], None]


def print_findings(path: Path, console: Console) -> bool:
    """Check a method in the sandbox, a line per check and a bar while it runs; whether all passed."""
    for protection in protections():
        if not protection.available:
            console.print(f"[yellow]![/] {protection.sentence}", highlight=False, soft_wrap=True)
    columns = TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    found: list[Finding] = []
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("metadata", total=2 + len(CHECKS))

        def tell(finding: Finding) -> None:
            bar.advance(task)
            _print(_shortened(finding, found), bar.console)
            found.append(finding)

        check_sandboxed(path, lambda name: bar.update(task, description=name), tell)
    return all(finding.passed for finding in found)


def _shortened(finding: Finding, earlier: Sequence[Finding]) -> Finding:
    """Where a step breaks, every check that makes one says so: the sentence is shown once."""
    same = [each.check for each in earlier if not each.passed and each.sentence.endswith(finding.sentence)]
    return replace(finding, sentence=f"The same as at `{same[0]}`.") if same and not finding.passed else finding


def _print(finding: Finding, console: Console) -> None:
    mark, colour = ("✓", "green") if finding.passed else ("✗", "red")
    line = Text.assemble((mark, colour), f" {finding.check:10} {finding.sentence}")
    console.print(line, highlight=False, soft_wrap=True)  # in one go: a live bar redraws after each print


def check_sandboxed(path: Path, begin: Begin, tell: Tell) -> None:
    """All checks on a stranger's file; ``begin`` hears a check's name, ``tell`` how it ended."""
    begin("metadata")
    tell(metadata := find("metadata", partial(check_metadata, path)))
    if metadata.passed:  # else nothing parses the file once more
        begin("imports")
        tell(find("imports", partial(check_imports, path)))
        run_trials(path, CHECKS, begin, tell)


def run_trials(path: Path, names: Sequence[str], begin: Begin, tell: Tell, limits: Limits = LIMITS) -> None:
    """Run the named checks in a sandbox; in a new one from where the process died in the middle of a check."""
    deadline = time.monotonic() + limits.seconds
    begin(LOADS)
    with scratch_folder() as scratch:
        _furnish(scratch, path)
        relay = _Relay(names, begin, tell)
        while relay.waiting:
            left = replace(limits, seconds=max(0.0, deadline - time.monotonic()))
            ending = run_sandboxed(
                "benchmark.submitting.check.worker",
                [f"{METHODS}/{path.name}", *relay.waiting],
                scratch=scratch,
                limits=left,
                on_message=relay.hear,
            )
            if relay.waiting:
                relay.broken(ending, limits)


def _furnish(scratch: Path, path: Path) -> None:
    """Copies of the plugins that a check loads, under the names that they have here, and the pictures."""
    from benchmark.submitting.check.problem import (  # imports torch: after the first findings are shown
        SUITE,
        write_pictures,
    )

    for folder, name in ((DATASETS, SUITE.dataset), (METHODS, TWIN)):
        (scratch / folder).mkdir()
        shutil.copy(plugin_path(folder, name), scratch / folder)
    shutil.copyfile(path, scratch / METHODS / path.name)
    write_pictures(scratch / PICTURES)


class _Relay:
    """Follows what the worker says of the checks that wait; it can say anything, so only what fits is heard."""

    def __init__(self, names: Sequence[str], begin: Begin, tell: Tell) -> None:
        self.waiting, self.begin, self._tell = list(names), begin, tell
        self.current = LOADS

    def hear(self, message: dict[str, Any]) -> None:
        """A message of the worker."""
        if message.get("begins") in self.waiting:
            self.current = message["begins"]
            self.begin(self.current)
        match message.get("finding"):
            case {"check": str(check), "passed": bool(passed), "sentence": str(sentence)} if check == self.current:
                self.tell(Finding(check, passed, printable(sentence)))

    def tell(self, finding: Finding) -> None:
        """A check has ended, once; where the file does not load, all have."""
        self.current = ""
        self._tell(finding)
        stops = finding.check == LOADS and not finding.passed
        place = self.waiting.index(finding.check) if finding.check in self.waiting else -1
        self.waiting = [] if stops else self.waiting[place + 1 :]

    def broken(self, ending: Ending, limits: Limits) -> None:
        """The process ended in the middle of a check."""
        sentence = "Its process ended by itself in the middle of the check; do not exit."
        if ending.how == "timeout":
            left = ", ".join(self.waiting[1:])
            sentence = f"The checks were stopped in this one after {limits.seconds:g} seconds, the time limit; "
            sentence += f"look for a loop without an end. Not checked: {left}." if left else "look for an endless loop."
        elif ending.how != "done":
            sentence = ending.sentence
        check = self.current if self.current in self.waiting else self.waiting[0]
        self.tell(Finding(check, False, printable(sentence)))
        if ending.how == "timeout":
            self.waiting = []
