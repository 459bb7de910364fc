"""Steps of a method shared by several processes, beside those of one process with the whole batch.

``python tests/shared_steps.py 4`` prints how far apart they are, for every method.
"""

import sys
from contextlib import contextmanager
from pathlib import Path

import handmade
import torch
from torch import nn

from benchmark.engine.pictures.data import Batch
from benchmark.engine.training import averaging
from benchmark.engine.training.averaging import Sharing
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.running.launch import Job, run_jobs
from benchmark.running.together import begin_alike, joined

STEPS = 3
PAPERS = {  # the six that are shown, with the options and K at which one process and many are to agree
    "e2ebp": ({}, 3),
    "dgl": ({}, 3),
    "infopro": ({}, 3),
    "predsim": ({}, 3),
    "modular_kernel": ({}, 3),
    "target_propagation": ({}, 2),  # beyond, it divides by norms over a process's own share
}


def build(name, options, k, norms=True):
    """A method in float64 whose steps draw no random numbers."""
    method = handmade.build(name, options, k)
    for part in [*method.modules, *method.auxiliaries]:
        part.double()
        for holder in list(part.modules()):
            for child, layer in list(holder.named_children()):
                if isinstance(layer, nn.Dropout2d) or (isinstance(layer, nn.BatchNorm2d) and not norms):
                    setattr(holder, child, nn.Identity())
    return method


def batches(count=STEPS, size=32):
    whole = handmade.pictures(count * size)
    parts = whole.parts(count)
    return [Batch(part.raw, part.y, part.task, part.x.double(), part) for part in parts]


def train(method, shown, sharing=None):
    """Losses of some steps of each phase, and all weights and buffers in the end."""
    torch.manual_seed(0)
    losses = []
    for phase in method.phases():
        set_phase(method, phase)
        optimizers = build_optimizers(method, handmade.RECIPE, phase, sharing)
        for batch in shown:
            losses += train_step(method, batch, optimizers)
        if optimizers.averaging:
            optimizers.averaging.close()
    held = {**method.modules.state_dict(), **{f"auxiliary {n}": t for n, t in method.auxiliaries.state_dict().items()}}
    return {"losses": torch.stack(losses).double(), **{name: t.double() for name, t in held.items()}}


def apart(found, wanted):
    """Largest relative difference of the losses, and of any tensor of weights or statistics."""
    wanted = {name: t for name, t in wanted.items() if t.numel()}
    far = {name: float((found[name] - t).abs().max() / t.abs().max().clamp(min=1e-3)) for name, t in wanted.items()}
    return far.pop("losses"), max(far.values())


@contextmanager
def not_averaged(modules):
    """Inside, each process steps these modules by its own gradients, as one that forgot to average would."""
    begin, average = averaging.Averaging.__init__, averaging.Averaging._average

    def begin_without(self, *arguments):
        begin(self, *arguments)
        for k in modules:
            self.buckets.pop(k, None)

    averaging.Averaging.__init__ = begin_without
    averaging.Averaging._average = lambda self, k, optimizer: k in modules or average(self, k, optimizer)
    yield
    averaging.Averaging.__init__, averaging.Averaging._average = begin, average


def compare(report, cases, worker):
    """By case: how far the shared steps are from those of one process; of the first process."""
    torch.set_num_threads(1)
    averaging.BUCKET = 600  # bytes: several buckets even here
    with joined(worker, "cpu") as group:
        found = {}
        for name, (method, options, k, parts, together, *apart_from_others) in cases.items():
            sharing = Sharing(max(1, parts // group.size), group, together, together)
            mine = [batch.parts(group.size)[group.rank] for batch in batches()]
            shared = build(method, options, k)
            begin_alike(shared, "tests", 0, group)
            with not_averaged(apart_from_others):
                seen = train(shared, mine, sharing)
            if not group.rank:
                found[name] = apart(seen, train(build(method, options, k), batches(), Sharing(parts)))
        return found or None


def compared(processes, cases):
    """What the first process found, or how the processes broke."""
    job = Job("shared", "shared_steps:compare", (cases,), timeout=600, processes=processes)
    ((_, outcome),) = run_jobs([job], [""], on_note=lambda key, sentence: print(sentence, file=sys.stderr))
    return outcome


if __name__ == "__main__":
    names = sys.argv[2:] or [path.stem for path in sorted(Path(handmade.METHODS).glob("*.py"))]
    for name in names:
        options, k = PAPERS.get(name, ({}, 3))
        outcome = compared(int(sys.argv[1]), {name: (name, options, k, 1, True)})
        print(name, outcome[name] if isinstance(outcome, dict) else outcome, flush=True)
