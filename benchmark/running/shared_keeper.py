"""Keeps a training that several processes share: each of them its own checkpoint, all of the same step.

The first one decides, before each step, whether a checkpoint is due and whether to stop; the others hear of it. They
go on only together: where one has no checkpoint of that step, or cannot make its last step again, all start anew.
"""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch.optim import Optimizer

from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.examiner import Examiner
from benchmark.engine.objectives.process_group import ProcessGroup
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Standing
from benchmark.running import checkpoint
from benchmark.running.checkpoint import CannotGoOn, Content
from benchmark.running.held import Held
from benchmark.running.keep import Keep, Stop
from benchmark.running.keeper import Keeper


class SharedKeeper(Keeper):
    """As :class:`Keeper`, in one of the processes of a group.

    Args:
        goes_on: from the checkpoint, if there is one.
    """

    def __init__(
        self,
        keep: Keep,
        fingerprint: str,
        device: torch.device,
        say: Callable[[str], None],
        group: ProcessGroup,
        goes_on: bool,
    ) -> None:
        self.group = group
        if group.rank:
            keep, say = replace(keep, checkpoint=_of_rank(keep, group.rank)), lambda sentence: None
        super().__init__(keep, fingerprint, device, say, self._read(keep, fingerprint) if goes_on else None)

    def _read(self, keep: Keep, fingerprint: str) -> Content | None:
        try:
            return checkpoint.read(keep.checkpoint, fingerprint)
        except CannotGoOn:
            if self.group.rank:  # the first one hears of it in `watching`
                return None
            raise

    def watching(self, method: Method, examiner: Examiner, peak: CudaPeak) -> Keeper:
        standing = self.found and self.found["standing"]
        at = standing and (standing["phase"], standing["epoch"], len(standing["lengths"]))
        first, *others = self.group.tell(at)
        if first is None:
            self.found, self.standing = None, Standing()
        elif any(other != first for other in others):
            raise CannotGoOn("the checkpoints of its processes are not of one step")
        return super().watching(method, examiner, peak)

    def go_on(self, method: Method, optimizers: dict[int, Optimizer]) -> None:
        reason = ""
        try:
            super().go_on(method, optimizers)
        except CannotGoOn as error:
            reason = str(error)
        if self.group.rank:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the first one says when all stop
        if reasons := list(filter(None, self.group.tell(reason))):
            raise CannotGoOn(reasons[0])

    def _wanted(self) -> bool:
        if not self.group.rank:
            self.due = super()._wanted()
        due, busy, Stop.asked = self.group.follow([self.due, bool(self.examiner.open), Stop.asked])
        if self.group.rank:
            self.due, self.examiner.open = due, {0: []} if busy else {}
        return due

    def _write_all(self, method: Method, optimizers: dict[int, Optimizer], after: Held) -> None:
        super()._write_all(method, optimizers, after)
        self.group.tell(None)  # none goes away, and takes all others with it, before all have written


def _of_rank(keep: Keep, rank: int) -> Path:
    path = keep.checkpoint
    return path.with_name(f"{path.stem}.{rank}{path.suffix}")
