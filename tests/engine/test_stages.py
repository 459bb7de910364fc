"""Modules that train at the same time: losses and weights of one process, or one sentence that says why not."""

import queue
import threading
from itertools import product

import pytest
import torch
from conftest import METHOD_IDS, ROOT, make_method
from training import RECIPE

from benchmark.engine.parallel.refusal import why_not_parallel
from benchmark.engine.parallel.stage import Stage
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import train_phase
from benchmark.errors import UserError
from benchmark.schema.plugins import METHODS, load_class

K = 3


class Threads:
    """Channels of stages that are threads of this process."""

    def __init__(self, count, distort):
        self.outputs = [queue.Queue() for _ in range(count)]
        self.meeting = threading.Barrier(count, timeout=60)
        self.table = {}
        self.distort = distort


class Thread:
    def __init__(self, threads, own):
        self.threads, self.own = threads, own

    def receive(self):
        return self.threads.outputs[self.own - 1].get(timeout=60)

    def hand_on(self, h):
        self.threads.outputs[self.own].put(self.threads.distort(h.clone()))

    def share(self, owner, tensors):
        shared = self.gathered(tensors)[owner]
        for mine, theirs in zip(tensors, shared, strict=True):
            mine.copy_(theirs)

    def total(self, numbers):
        return tuple(map(sum, zip(*self.gathered(numbers), strict=True)))

    def gathered(self, said):
        self.threads.table[self.own] = said
        self.threads.meeting.wait()
        found = [self.threads.table[own] for own in range(len(self.threads.outputs))]
        self.threads.meeting.wait()
        return found


def trained(method, loader, **beside):
    rows = []
    for index, phase in enumerate(method.phases()):
        rows += train_phase(method, phase, loader, RECIPE, lambda: None, index=index, **beside)
    return [row.losses for row in rows]


def in_stages(make, loader, distort=lambda h: h):
    """The methods of all stages after training, and what each training returned or raised, by stage."""
    methods = [make() for _ in range(K)]
    threads, found = Threads(len(methods), distort), {}

    def run(own):
        try:
            found[own] = trained(methods[own], loader, watch=Stage(own, K, Thread(threads, own)))
        except (UserError, threading.BrokenBarrierError) as error:
            found[own] = error
            threads.meeting.abort()

    stages = [threading.Thread(target=run, args=(own,)) for own in range(len(methods))]
    for stage in stages:
        stage.start()
    for stage in stages:
        stage.join()
    return methods, found


@pytest.mark.parametrize("name", ["predsim", "trgl", "similarity_matching", "boostresnet"])
def test_stages_end_with_the_losses_and_weights_of_one_process(name, digits, loader):
    serial = make_method(name, K, digits)
    expected = trained(serial, loader)
    methods, found = in_stages(lambda: make_method(name, K, digits), loader)
    assert [found[own] for own in range(len(methods))] == [expected] * len(methods)
    for method, part in product(methods, ("modules", "auxiliaries")):
        own, theirs = getattr(method, part).state_dict(), getattr(serial, part).state_dict()
        assert all(torch.equal(own[key], theirs[key]) for key in theirs), part


def test_a_stage_that_gets_something_else_ends_elsewhere(digits, loader):
    serial = make_method("predsim", K, digits)
    expected = trained(serial, loader)
    _, found = in_stages(lambda: make_method("predsim", K, digits), loader, distort=lambda h: 1.001 * h)
    assert found[0] != expected


def test_a_loss_that_needs_what_learns_elsewhere_is_found_at_the_first_step(digits, loader):
    _, found = in_stages(lambda: make_method("contsup", K, digits), loader)
    assert isinstance(found[2], UserError)
    assert str(found[2]) == (
        "Modules of ContSup cannot train at the same time: the loss of module 2 needs the auxiliary network of "
        "module 1, which learns in another process."
    )


def test_who_claims_the_update_lock_runs_or_has_a_reason():
    reasons = {name: why_not_parallel(load_class(ROOT / METHODS / f"{name}.py", Method)) for name in METHOD_IDS}
    assert {name for name, reason in reasons.items() if reason and "does not claim" not in reason} == {
        "counter_current",  # the feedback network runs down through all modules
        "dni",  # a synthesiser learns from the gradient that comes back
        "man",  # an auxiliary network follows the module after it
        "random_features",  # one classifier
    }
    assert "does not claim" in reasons["e2ebp"]
    assert reasons["dgl"] is None
