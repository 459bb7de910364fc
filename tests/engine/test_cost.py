"""The meters agree with torch's own, the simulation with a real step, and a ratio with its arithmetic."""

import itertools
import random
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache, partial
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import METHOD_IDS, sampled
from timm import create_model
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.optim import SGD
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from benchmark.engine.cutting.partition import Features, Partition
from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.measuring import pace as timing
from benchmark.engine.measuring.cost import (
    Simulation,
    blank_batch,
    make_fake,
    measure_cost,
    simulate,
    simulate_peak,
)
from benchmark.engine.measuring.meter import Flops, PeakBytes, SavedBytes
from benchmark.engine.measuring.pace import interleave, step_ratio
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.training.method import LocalMethod, Method, ModularMethod, Phase
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError
from benchmark.schema.recipe import Recipe
from benchmark.schema.record import Cost
from benchmark.submitting.check.problem import home, make

TASK = Task(classes=10, image_size=16, channels=3, mean=(0.5,) * 3, std=(0.2,) * 3)
RECIPE = Recipe(epochs=1, batch=8, lr=0.1)
WIDTH, UNITS = 8, 8


def units() -> list[nn.Module]:
    """A small residual-free network of equal convolutional units and a classifier."""
    made: list[nn.Module] = []
    for i in range(UNITS):
        conv = nn.Conv2d(3 if i == 0 else WIDTH, WIDTH, 3, padding=1, bias=False)
        made.append(nn.Sequential(conv, nn.BatchNorm2d(WIDTH), nn.ReLU()))
    made[-1].extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, TASK.classes)])
    return made


def partition(k: int) -> Partition:
    """The units in ``k`` equal modules; a hand-made stand-in for a cut backbone."""
    per = UNITS // k
    chunks = [units_[i : i + per] for units_ in [units()] for i in range(0, UNITS, per)]
    outputs = tuple(Features(f"unit{i}", (WIDTH, 16, 16), "NCHW") for i in range(k - 1))
    modules = nn.ModuleList(nn.Sequential(*chunk) for chunk in chunks)
    return Partition(modules, (*outputs, Features("fc", (TASK.classes,), "NC")), ())


class Twin(Method):
    title, paper, authors, year, family = "Twin", "-", "-", 2026, "end-to-end"

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        yield F.cross_entropy(self.predict(batch.x), batch.y)


class Greedy(LocalMethod):
    title, paper, authors, year = "Greedy", "-", "-", 2026

    def auxiliary(self, k: int) -> nn.Module | None:
        pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return None if k == self.last else nn.Sequential(*pool, nn.Linear(WIDTH, TASK.classes))

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)


class OneByOne(ModularMethod):
    title, paper, authors, year = "One by one", "-", "-", 2026

    def phases(self) -> list[Phase]:
        return [Phase((0,), 0.25, "pairs"), Phase((1,), 0.75)]

    def proxy_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return h.square().mean()


class Peeking(Twin):
    look = "item"

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        (loss,) = super().losses(batch)
        getattr(loss.detach(), self.look)()
        yield loss


def run(method: type[Method], k: int, batch: int = 8) -> Simulation:
    return simulate(lambda: method(partition(k), TASK), RECIPE, TASK, batch)


def resnet18_step(meter_type: type, fake: bool) -> int:
    """Peak of a second training step of resnet18 by one of the meters."""
    with FakeTensorMode() if fake else nullcontext():
        model = create_model("resnet18", num_classes=10)
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
        x, y = torch.randn(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64)

        def step() -> None:
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad()

        step()
        if meter_type is PeakBytes:
            with PeakBytes(model, optimizer, x, y) as meter:
                step()
            return meter.peak
        tracker = MemTracker()
        tracker.track_external(model, optimizer, x, y)
        with tracker:
            step()
        return tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]


def test_peak_bytes_equals_torchs_private_tracker() -> None:
    assert resnet18_step(PeakBytes, fake=False) == resnet18_step(MemTracker, fake=False)


def test_fake_tensors_meter_the_same_as_real_ones() -> None:
    assert resnet18_step(PeakBytes, fake=True) == resnet18_step(PeakBytes, fake=False)


def test_peak_bytes_counts_shared_storage_once_and_sees_it_go() -> None:
    base = torch.zeros(100)
    with PeakBytes(base, base[:50]) as meter:
        assert meter.live == 400
        other = base * 2
        view = other[3:]
        del other
        assert meter.live == 800
        del view
        assert (meter.live, meter.peak) == (400, 800)


def test_saved_bytes_counts_a_storage_once_without_parameters() -> None:
    layer, x = nn.Linear(4, 4), torch.zeros(10, 4)
    with SavedBytes(layer) as meter:
        h = layer(x)
        loss = (h.exp() + layer(x)).sum()
        assert meter.live == 2 * x.nbytes  # x, saved by both layers, and exp's output
        loss.backward()
    assert (meter.live, meter.peak) == (0, 320)


def test_saved_bytes_of_checkpointing_are_the_inputs() -> None:
    layers, x = (
        nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(6))),
        torch.ones(10, 4),
    )
    with SavedBytes(layers) as meter:
        checkpoint(layers, x.requires_grad_(), use_reentrant=False).sum().backward()
    assert meter.peak == x.nbytes


def test_simulated_peak_is_that_of_a_real_step() -> None:
    method = Greedy(partition(4), TASK)
    (phase,) = method.phases()
    set_phase(method, phase)
    optimizers, batch = build_optimizers(method, RECIPE, phase), blank_batch(TASK, 8)
    train_step(method, batch, optimizers)
    state = method.modules, method.auxiliaries
    with SavedBytes(*state) as saved, PeakBytes(*state, optimizers, batch) as memory:
        train_step(method, batch, optimizers)
    simulated = run(Greedy, 4)
    assert (simulated.peak_bytes, simulated.saved_bytes) == (memory.peak, saved.peak)


def test_simulation_repeats_and_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert run(Greedy, 2) == run(Greedy, 2)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_memory_falls_with_the_number_of_modules() -> None:
    steps = [run(Greedy, k, batch=32) for k in (1, 2, 4, 8)]
    for more, less in itertools.pairwise(steps):
        assert more.peak_bytes > less.peak_bytes
        assert more.saved_bytes > less.saved_bytes


def test_flops_are_those_of_the_uncut_network() -> None:
    model = nn.Sequential(*units())
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(model(torch.zeros(8, 3, 16, 16)), torch.zeros(8, dtype=torch.int64)).backward()
    assert run(Twin, 1).step_flops == run(Twin, 4).step_flops == counter.get_total_flops()


def test_flops_are_counted_where_a_method_makes_its_own_backward_pass() -> None:
    """Of a module's detached input, too: a product forward, and one for each of two gradients."""
    layer, x = nn.Linear(3, 2, bias=False), torch.ones(4, 3, requires_grad=True)
    with Flops() as counter:
        torch.autograd.grad(layer(x).sum(), [x, layer.weight])
    assert counter.total == 3 * (2 * 4 * 3 * 2)


def test_parameters_and_auxiliary_parameters_are_told_apart() -> None:
    deployed = sum(p.numel() for p in nn.Sequential(*units()).parameters())
    simulated = run(Greedy, 4)
    assert simulated.parameters == deployed
    assert simulated.auxiliary_parameters == 3 * (WIDTH * TASK.classes + TASK.classes)


def test_phases_are_weighted_by_their_share() -> None:
    """4 units a phase, 2 FLOPs a multiply-add, 3 passes, but no gradient for what the phase is fed."""
    positions = 8 * 16 * 16
    first, conv = 2 * positions * 27 * WIDTH, 2 * positions * 9 * WIDTH * WIDTH
    linear = 2 * 8 * WIDTH * TASK.classes
    front = 3 * conv * 3 + first * 2  # no gradient for the pixels
    back = (first + 3 * conv) + 3 * (conv * 3) + conv * 2 + linear * 3
    assert run(OneByOne, 2).step_flops == round(0.25 * front + 0.75 * back)


def test_a_phase_that_trains_half_of_the_modules_keeps_half() -> None:
    simulated, end_to_end = run(OneByOne, 2, batch=64), run(Twin, 2, batch=64)
    assert simulated.saved_bytes < 0.6 * end_to_end.saved_bytes
    assert simulated.peak_bytes < 0.75 * end_to_end.peak_bytes


def test_shared_parameters_stay_shared_when_made_fake() -> None:
    method = Twin(partition(2), TASK)
    method.modules[1][1][0].weight = method.modules[1][0][0].weight
    with FakeTensorMode(allow_non_fake_inputs=True):
        make_fake(method)
    assert method.modules[1][1][0].weight is method.modules[1][0][0].weight


@pytest.mark.parametrize("look", ["item", "numpy", "tolist"])
def test_a_step_that_looks_at_values_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch, look: str) -> None:
    monkeypatch.setattr(Peeking, "look", look)
    with pytest.raises(UserError, match=r"Peeking cannot be simulated.*\.item\(\), \.numpy\(\), boolean indexing"):
        run(Peeking, 1)


class Feedback(Twin):
    """Keeps a plain tensor and a list of them, as methods with fixed feedback weights do."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.fixed = [torch.randn(WIDTH * 100, TASK.classes)]

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        yield F.cross_entropy(self.predict(batch.x) @ self.fixed[0].T, batch.y)


def test_plain_tensors_of_a_method_are_simulated_and_counted() -> None:
    fixed = 4 * WIDTH * 100 * TASK.classes
    assert run(Feedback, 1).peak_bytes >= run(Twin, 1).peak_bytes + fixed


class Clock:
    """A clock that only training steps move; by ``cost[type]`` seconds, with every third step disturbed."""

    def __init__(self, seconds: dict[type, float], monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.seconds, self.steps = 0.0, seconds, []
        monkeypatch.setattr(timing, "train_step", self.step)

    def step(self, method: Method, *_: object) -> None:
        self.steps.append((type(method), method.phase))
        noise = 50.0 if len(self.steps) % 9 == 0 else 0.0
        self.now += self.seconds[type(method)] * (1 + 2 * (method.phase.trains == (1,))) + noise

    def __call__(self) -> float:
        return self.now


def ratio_of(method: type[Method], clock: Clock, seconds: float) -> timing.Pace:
    build, twin = (lambda: method(partition(2), TASK)), (lambda: Twin(partition(2), TASK))
    return step_ratio(build, twin, RECIPE, blank_batch(TASK, 2), seconds=seconds, clock=clock)


def test_step_ratio_is_the_median_of_interleaved_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({Greedy: 3.0, Twin: 2.0}, monkeypatch)
    pace = ratio_of(Greedy, clock, seconds=0.0)
    assert (pace.ratio, pace.seconds, pace.pairs) == (1.5, 3.0, timing.MIN_PAIRS)
    assert [kind for kind, _ in clock.steps] == [Greedy, Twin] * (timing.MIN_PAIRS + timing.WARMUP)


def test_step_ratio_goes_on_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = ratio_of(Greedy, Clock({Greedy: 3.0, Twin: 2.0}, monkeypatch), seconds=300.0)
    assert timing.MIN_PAIRS < pace.pairs <= 60


def test_step_ratio_weights_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({OneByOne: 1.0, Twin: 2.0}, monkeypatch)
    pace = ratio_of(OneByOne, clock, seconds=0.0)
    assert pace.ratio == pytest.approx(0.25 * 0.5 + 0.75 * 1.5)
    assert pace.seconds == pytest.approx(0.25 * 1.0 + 0.75 * 3.0)


def test_real_steps_of_a_method_beside_itself_take_alike() -> None:
    build = partial(Twin, partition(1), TASK)
    pace = step_ratio(build, build, RECIPE, blank_batch(TASK, 8), seconds=0.3)
    assert 0.2 < pace.ratio < 5.0
    assert 0 < pace.seconds < 5


def test_interleave_warms_up_before_it_counts() -> None:
    calls = iter(range(1000))
    times = interleave(lambda: float(next(calls)), lambda: float(next(calls)), 0.0)
    assert times[0] == (2.0 * timing.WARMUP, 2.0 * timing.WARMUP + 1)


@pytest.mark.parametrize("name", ["ddg", "boostresnet"])
def test_the_peak_alone_is_the_same(name: str) -> None:
    """Of a pipeline, which has to fill, and of phases."""
    build, task = partial(make, load_method(name), "ResNet", 4), load_dataset("digits").task
    assert simulate_peak(build, RECIPE, task, 64) == simulate(build, RECIPE, task, 64).peak_bytes


@pytest.mark.parametrize("name", sampled([n for n in METHOD_IDS if "output" not in load_method(n).leaves], 3))
def test_a_step_of_a_method_can_be_simulated(name: str) -> None:
    method = load_method(name)
    cost = simulate(partial(make, method, home(method), 4), RECIPE, load_dataset("digits").task, 64)
    forward = twin_forward_flops(home(method))
    most = 150 if name == "equilibrium_propagation" else 20  # whose states take 70 steps to settle
    assert 0.5 * forward < cost.step_flops < most * forward
    assert cost.peak_bytes > 4 * (cost.parameters + cost.auxiliary_parameters)


@cache
def twin_forward_flops(backbone: str) -> int:
    """FLOPs of a forward pass, a third of an end-to-end step."""
    build = partial(make, load_method("e2ebp"), backbone, 1)
    return simulate(build, RECIPE, load_dataset("digits").task, 64).step_flops // 3


class Crowded(Twin):
    """A twin whose real steps fail as torch's do: always, or while a method of another kind is alive."""

    others: ClassVar[weakref.WeakSet[Method]] = weakref.WeakSet()
    never = False

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if not isinstance(batch.x, FakeTensor) and (self.never or self.others):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")
        yield from super().losses(batch)


class NeverFits(Crowded):
    never = True


def make_greedy() -> Greedy:
    made = Greedy(partition(2), TASK)
    Crowded.others.add(made)
    return made


def cost_beside(twin: Callable[[], Method]) -> Cost:
    return measure_cost(make_greedy, twin, RECIPE, blank_batch(TASK, 4))


def test_a_twin_that_fits_only_alone_is_timed_when_the_method_is_gone() -> None:
    found = cost_beside(lambda: Crowded(partition(1), TASK))
    assert found.time_ratio is not None
    assert 0 < found.time_ratio < 50
    assert found.twin_error is None
    assert not Crowded.others


def test_a_twin_that_never_fits_costs_the_method_its_time_ratio_alone() -> None:
    found = cost_beside(lambda: NeverFits(partition(1), TASK))
    assert found.time_ratio is None
    assert found.step_seconds > 0
    assert found.peak_ratio == pytest.approx(run(Greedy, 2, 4).peak_bytes / run(Twin, 1, 4).peak_bytes)
    assert found.twin_error == "The end-to-end twin cannot be timed: CUDA out of memory."


def test_a_twin_that_cannot_be_built_costs_the_method_its_ratios_alone() -> None:
    def twin() -> Method:
        raise UserError("There is no twin.")

    found = cost_beside(twin)
    assert (found.peak_ratio, found.flops_ratio, found.time_ratio) == (None, None, None)
    assert found.step_flops == run(Greedy, 2, 4).step_flops
    assert found.twin_error == "The end-to-end twin cannot be simulated: There is no twin."


def test_what_goes_wrong_with_the_method_itself_is_raised() -> None:
    batch = blank_batch(TASK, 4)
    with pytest.raises(torch.OutOfMemoryError):
        measure_cost(lambda: NeverFits(partition(1), TASK), lambda: Twin(partition(1), TASK), RECIPE, batch)


def test_the_twin_itself_is_built_but_once_at_a_time() -> None:
    alive: weakref.WeakSet[Method] = weakref.WeakSet()
    most = []

    def build() -> Method:
        made = Twin(partition(1), TASK)
        alive.add(made)
        most.append(len(alive))
        return made

    found = measure_cost(build, None, RECIPE, blank_batch(TASK, 4))
    assert (found.time_ratio, found.peak_ratio, found.flops_ratio) == (1.0, 1.0, 1.0)
    assert max(most) == 1
