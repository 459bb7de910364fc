"""Keeps a training while it goes on: now and then a checkpoint, and a last one where it is asked to stop.

A checkpoint holds the training before its last step (before the last ones of a pipeline, as many as fill it), the
pictures of these, and what came out. Who goes on from it makes these steps again and compares: weights, buffers,
optimisers, generators and whatever else the method holds must be what they were, to the bit. So a pipeline is full
again, graphs and all, and a method that keeps something where nobody sees it starts anew instead of going on wrongly.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from benchmark.engine.measuring.cost import Metered
from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.examiner import Examiner
from benchmark.engine.measuring.state import State
from benchmark.engine.measuring.world import Moment, Stretch, copied
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Standing, Watch, train_step
from benchmark.running import checkpoint, held
from benchmark.running.checkpoint import CannotGoOn, Content
from benchmark.running.keep import Keep, Stop
from benchmark.running.packed import (
    pack_moment,
    pack_standing,
    pack_state,
    unpack_moment,
    unpack_standing,
    unpack_state,
)
from benchmark.schema.record import Cost, Provenance

OTHER_MACHINE = "its checkpoint was begun on another processor, GPU, driver or number of threads or processes"


SHARE = 0.01  # of the time, that checkpoints may take
FIRST = 0.05  # seconds that one may take, as long as none was written


class Stopped(BaseException):
    """The training was asked to stop, and has; the message says how far it came.

    Attributes:
        kept: whether the next call goes on from that very moment.
    """

    def __init__(self, sentence: str, kept: bool = True) -> None:
        super().__init__(sentence)
        self.kept = kept


class Keeper(Watch):
    """Stands between a training and its examiner.

    Args:
        keep: where checkpoints go, and how often.
        fingerprint: of the cell.
        say: told what a person should know of the cell.
        found: what a checkpoint says; none: the training begins.
    """

    def __init__(
        self,
        keep: Keep,
        fingerprint: str,
        device: torch.device,
        say: Callable[[str], None],
        found: Content | None = None,
    ) -> None:
        self.keep, self.fingerprint, self.device, self.say, self.found = keep, fingerprint, device, say, found
        self.standing = unpack_standing(found["standing"], device) if found else Standing()
        self.unkept = ""  # why there is no checkpoint
        self.facts: dict[str, Any] = {}  # of the cell, from before its training
        self.last: deque[tuple[Moment, held.Held]] = deque()  # the last steps before they were made, without a gap
        self.due = False
        self.spent, self.cost = 0.0, FIRST  # seconds: of all checkpoints, and of the last one
        self.written, self.of_epoch = time.perf_counter(), (self.standing.phase, self.standing.epoch)

    # What is known before the training

    def begun(self, now: Provenance) -> Provenance:
        """Where the training comes from: from where it was begun, if that is a machine and a state of files as here.

        Raises:
            CannotGoOn: it is not.
        """
        if self.found:
            then = Provenance.model_validate_json(self.found["facts"]["provenance"])
            of_today = {name: getattr(now, name) for name in ("git_commit", "git_dirty", "started_utc")}
            if then.model_copy(update=of_today) != now:
                raise CannotGoOn(OTHER_MACHINE)
            now = then
        self.facts["provenance"] = now.model_dump_json()
        return now

    def known(self) -> tuple[str, Cost, list[Metered]] | None:
        """What was found of the cell before its training began: isolation, cost, and a metered step of each phase."""
        if not self.found:
            return None
        facts = self.found["facts"]
        return facts["isolation"], Cost.model_validate_json(facts["cost"]), [Metered(**step) for step in facts["steps"]]

    def know(self, isolation: str, cost: Cost, steps: list[Metered]) -> None:
        """The same, to be kept."""
        self.facts |= {"isolation": isolation, "cost": cost.model_dump_json(), "steps": [vars(step) for step in steps]}

    def watching(self, method: Method, examiner: Examiner, peak: CudaPeak) -> "Keeper":
        """The watch of the method's training, which has not begun in this process."""
        self.examiner, self.peak = examiner, peak
        self.built = held.held(method)
        if self.found:
            told = self.found["examiner"]
            examiner.leak, examiner.cuda_peak = told["leak"], told["cuda_peak"]
            peak.bytes = self.found["cuda_peak"]
        return self

    # What happens in the training

    def go_on(self, method: Method, optimizers: dict[int, Optimizer]) -> None:
        Stop.listen()  # not earlier: before the training there is nothing to keep, and SIGTERM ends it at once
        if self.found:
            self._make_again(self.found, method, optimizers)

    def begin(self, method: Method, phase: int, steps: int) -> None:
        self.last.clear()
        self.examiner.begin(method, phase, steps)
        if self.found:
            self.examiner.go_on_from(method, self.found["examiner"]["made"], self.found["examiner"]["tried"])
            self.examiner.go_on_with(self.found["examiner"]["own"])
            self.found = None
            self.written = time.perf_counter()

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        if self._wanted():
            begun = time.perf_counter()
            if len(self.last) > method.lag and not self.examiner.open:
                self._write(method, optimizers)
            if self.due:
                self.last = deque(self.last, method.lag + 1)
                moment = Moment(State.of(method, optimizers, self.device), copied(batch))
                self.last.append((moment, held.since(held.held(method), self.built)))
            self.cost += time.perf_counter() - begun
            self.spent += time.perf_counter() - begun
        return self.examiner.step(method, batch, optimizers)

    def end(self, method: Method) -> None:
        self.examiner.end(method)

    def clock(self) -> float:
        return self.examiner.clock() - self.spent

    def _wanted(self) -> bool:
        """Whether a checkpoint is due: an epoch has ended, it is time, or the training was asked to stop.

        Where epochs are short, not each one's end: checkpoints shall cost a hundredth of the time.
        """
        if not self.due:
            now, since = (self.standing.phase, self.standing.epoch), time.perf_counter() - self.written
            cheap = since * SHARE > self.cost
            self.due = Stop.asked or (cheap and (since > 60 * self.keep.minutes or now != self.of_epoch))
            self.of_epoch = now
            self.cost = 0.0 if self.due else self.cost
        return self.due

    def _write(self, method: Method, optimizers: dict[int, Optimizer]) -> None:
        self.examiner.look(method)
        after = held.held(method)
        if odd := held.unknown(after):
            self._complain(f"nobody can say what is in {odd}")
        else:
            self._write_all(method, optimizers, held.since(after, self.built))
        self.last.clear()
        self.due, self.written = False, time.perf_counter()
        if Stop.asked:
            raise Stopped(f"stopped at {self._place}{self._lost}", kept=not self.unkept)

    @property
    def _lost(self) -> str:
        """What a stop costs, where this moment cannot be kept: an earlier checkpoint stays what it was."""
        if not self.unkept:
            return ""
        how = "go on from an earlier moment" if self.keep.checkpoint.exists() else "start anew"
        return f", and will {how}: {self.unkept}"

    @property
    def _place(self) -> str:
        return f"phase {self.standing.phase}, epoch {self.standing.epoch}, step {len(self.standing.history)}"

    def _write_all(self, method: Method, optimizers: dict[int, Optimizer], after: held.Held) -> None:
        content = {
            "facts": self.facts,
            "standing": pack_standing(self.standing, self.clock()),
            "examiner": {
                "made": self.examiner.made,
                "tried": self.examiner.tried,
                "leak": self.examiner.leak,
                "cuda_peak": self.examiner.cuda_peak,
                "own": self.examiner.own(),
            },
            "cuda_peak": self.peak.bytes,
            "before": [pack_moment(moment) for moment, _ in self.last],
            "held_before": self.last[0][1],
            "after": pack_state(State.of(method, optimizers, self.device)),
            "held": after,
        }
        try:
            checkpoint.write(content, self.keep.checkpoint, self.fingerprint)
            self.unkept = ""
        except OSError as error:
            self._complain(f"{self.keep.checkpoint} cannot be written ({error.strerror or type(error).__name__})")

    def _complain(self, why: str) -> None:
        if not self.unkept:
            self.say(f"cannot be stopped without starting anew: {why}")
        self.unkept = why

    def _make_again(self, found: Content, method: Method, optimizers: dict[int, Optimizer]) -> None:
        """Make the last steps again, and compare with what they did.

        Raises:
            CannotGoOn: they did something else.
        """
        before = tuple(unpack_moment(each, method.task, self.device) for each in found["before"])
        stretch = Stretch(found["standing"]["phase"], before, unpack_state(found["after"]))
        try:
            if not method.lag:
                held.put_back(method, found["held_before"], self.device)
            for moment in before:
                moment.state.put(method, optimizers)
                moment.state.randomness.restore(self.device)
                train_step(method, moment.batch, optimizers)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise CannotGoOn(f"its last step cannot be made again ({type(error).__name__})") from None
        if missed := stretch.missed_by(State.of(method, optimizers, self.device)):
            raise CannotGoOn(f"its last step, made again, left another {min(missed).part} behind")
        now = held.since(held.held(method), self.built)
        if odd := [name for name in {**now, **found["held"]} if not self._as_before(name, now, found["held"])]:
            raise CannotGoOn(f"its method keeps what cannot be kept for it, in `{odd[0].strip('.')}`")
        stretch.after.put(method, optimizers)
        stretch.after.randomness.restore(self.device)
        again = f", its pipeline filled again by {method.lag} steps" if method.lag else ""
        self.say(f"goes on from {self._place}{again}")

    def _as_before(self, name: str, now: held.Held, then: held.Held) -> bool:
        built = self.built.get(name)
        return held.alike(now.get(name, built), then.get(name, built))
