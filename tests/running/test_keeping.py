"""A training that was stopped goes on as if it had not been, to the bit, or starts anew and says why."""

import hashlib
import io
import itertools
import random
import signal
from collections import deque
from functools import partial
from types import SimpleNamespace

import pytest
import timm
import torch
import torch.nn.functional as F
from conftest import make_method, small_suite
from workshop import Watcher, changed, mistake, workshop, write_suites

from benchmark import LocalMethod
from benchmark.engine.load import load_dataset
from benchmark.engine.measuring import examiner
from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.examiner import Examiner, draw_starts
from benchmark.engine.measuring.state import places, same
from benchmark.engine.measuring.world import World
from benchmark.engine.pictures.data import data_root, load_splits
from benchmark.engine.pictures.loader import MemoryLoader
from benchmark.engine.training.build import build_method
from benchmark.engine.training.evaluate import hit_rates
from benchmark.engine.training.train import train_phase
from benchmark.running import checkpoint
from benchmark.running.asked import RunOptions
from benchmark.running.checkpoint import CannotGoOn
from benchmark.running.keep import Keep, Stop, Unfinished
from benchmark.running.keeper import Keeper, Stopped
from benchmark.running.kept_cell import run_kept_cell
from benchmark.running.loaders import evaluation_loader
from benchmark.running.run import OutOfTime, run_suite
from benchmark.schema.suite import cells, load_suite

__all__ = ["workshop"]
CPU = torch.device("cpu")
RECIPE = small_suite().recipe


@pytest.fixture(autouse=True)
def _not_asked(monkeypatch):
    monkeypatch.setattr(examiner, "PARTS", 1)  # a trial is slow, and others test trials
    handler = signal.getsignal(signal.SIGTERM)
    yield
    Stop.asked = False
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def loader(digits):
    """Five batches of 16 real digits an epoch, in two views."""
    splits = load_splits(digits, data_root(), validation=0.1, limit=80)
    return MemoryLoader(splits.train, digits, 16, seed=7, train=True, views=2)


class Interrupted(Keeper):
    """A keeper that is asked to stop before the step of a number, counted from the beginning of the process."""

    def __init__(self, at, *arguments):
        super().__init__(*arguments)
        self.at, self.made = at, 0

    def step(self, *arguments):
        Stop.asked = Stop.asked or self.made == self.at
        self.made += 1
        return super().step(*arguments)


def train(build, loader, path, stop=None, said=None):
    """What one process does of a training: its method, what its examiner says, and the rows so far."""
    Stop.asked = False
    method, say = build(), [].append if said is None else said.append
    keeper = Interrupted(stop, Keep(path, minutes=0.001), "cell", CPU, say, checkpoint.read(path, "cell"))
    beside = Examiner(lambda: World(build(), RECIPE, CPU))
    watch, standing = keeper.watching(method, beside, CudaPeak(CPU)), keeper.standing
    torch.manual_seed(0)
    for index, phase in list(enumerate(method.phases()))[standing.phase :]:
        few = loader.restricted(phase.labels_per_class)
        train_phase(method, phase, few, RECIPE, lambda: None, index=index, watch=watch, standing=standing)
    return SimpleNamespace(method=method, leak=beside.leak, rows=standing.rows)


def train_in_pieces(build, loader, path, stops):
    """The same, stopped before some of the steps."""
    said = []
    for stop in stops:
        with pytest.raises(Stopped):
            train(build, loader, path, stop, said)
    return train(build, loader, path, said=said), said


def trained(found):
    return [(row.phase, row.epoch, row.losses, row.lr) for row in found.rows]


def assert_same(whole, pieces, why):
    assert trained(whole) == trained(pieces), why
    theirs = places(pieces.method)
    assert all(same(t, theirs[place]) for place, t in places(whole.method).items()), why
    assert whole.leak == pieces.leak, why


KINDS = ["e2ebp", "boostresnet", "ddg", "target_propagation", "man"]


@pytest.mark.parametrize("name", KINDS)
def test_a_training_that_was_stopped_anywhere_ends_with_the_same_bits(name, digits, loader, tmp_path):
    build = partial(make_method, name, 3, digits)
    whole = train(build, loader, tmp_path / "whole")
    lag = whole.method.lag
    stops = [random.randrange(4), random.randrange(3)][: 1 if lag else 2]  # of ten steps; a pipeline refills twice
    pieces, said = train_in_pieces(build, loader, tmp_path / "pieces", stops)
    assert_same(whole, pieces, (name, stops, said))
    assert said[0].startswith("goes on from phase 0, epoch ")
    assert said[0].endswith(f"its pipeline filled again by {lag} steps") == bool(lag)


class Hoards(LocalMethod):
    """Against the contract, keeps in plain attributes what its losses hang on."""

    title = "Hoards"
    odd = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.steps, self.mean, self.queue = 0, torch.zeros(()), deque(maxlen=2)
        self.draw, self.teacher = torch.Generator().manual_seed(3), torch.nn.Linear(1, 1)
        self.options.scale = {"now": [1.0]}
        self.unkeepable = self.odd

    def local_loss(self, k, h, batch):
        self.steps += 1
        self.mean = self.mean.lerp(h.detach().mean(), 0.1)
        self.queue.append((self.steps % 3, torch.rand((), generator=self.draw)))
        self.teacher.weight.data.lerp_(h.detach().mean().view(1, 1), 0.5)
        self.options.scale["now"][0] *= 1.01
        odd = sum(a + b for a, b in self.queue) + self.mean + self.teacher.weight.item() + self.options.scale["now"][0]
        return h.square().mean() * odd

    def output_loss(self, h, batch):
        return F.cross_entropy(h, batch.y)


SEEN = []


class HidesAway(Hoards):
    def local_loss(self, k, h, batch):
        SEEN.append(k)
        return super().local_loss(k, h, batch) * len(SEEN)


class HoldsAnIterator(Hoards):
    odd = itertools.count()


def building(method, digits):
    suite = small_suite()
    return partial(build_method, method, {}, suite, suite.backbones[0], digits.task, 3, 0)


def test_what_a_method_keeps_in_attributes_is_kept_for_it(digits, loader, tmp_path):
    whole = train(building(Hoards, digits), loader, tmp_path / "whole")
    pieces, _ = train_in_pieces(building(Hoards, digits), loader, tmp_path / "pieces", [2, 3])
    assert_same(whole, pieces, "attributes")
    assert (pieces.method.steps, pieces.method.queue) == (whole.method.steps, whole.method.queue)


def test_a_method_that_keeps_something_out_of_sight_starts_anew(digits, loader, tmp_path):
    with pytest.raises(Stopped):
        train(building(HidesAway, digits), loader, tmp_path / "a", 3)
    SEEN.clear()  # as in another process
    with pytest.raises(CannotGoOn, match="last step, made again, left another module behind"):
        train(building(HidesAway, digits), loader, tmp_path / "a")


def test_what_nobody_can_look_into_is_said_and_leaves_no_checkpoint(digits, loader, tmp_path):
    said = []
    with pytest.raises(Stopped, match="will start anew: nobody can say what is in unkeepable"):
        train(building(HoldsAnIterator, digits), loader, tmp_path / "a", 3, said)
    assert said == ["cannot be stopped without starting anew: nobody can say what is in unkeepable (count)"]
    assert not (tmp_path / "a").exists()


class Foreign:
    def __reduce__(self):
        return print, ("code of a stranger",)


def test_a_checkpoint_that_is_not_whole_or_not_of_this_cell_is_refused(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a"
    assert checkpoint.read(path, "cell") is None
    checkpoint.write({"numbers": torch.arange(3)}, path, "cell")
    honest = path.read_bytes()
    assert checkpoint.read(path, "cell")["numbers"].tolist() == [0, 1, 2]
    foreign = io.BytesIO()
    torch.save({"fingerprint": "cell", "code": Foreign()}, foreign)
    digest = hashlib.sha256(foreign.getvalue()).digest()
    flipped = honest[:200] + bytes([honest[200] ^ 1]) + honest[201:]
    damaged = [b"", honest[:10], honest[:-1], flipped, checkpoint.HEAD + digest + foreign.getvalue()]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(CannotGoOn):
            checkpoint.read(path, "cell")
    path.write_bytes(honest)
    with pytest.raises(CannotGoOn, match="of another cell"):
        checkpoint.read(path, "other")
    monkeypatch.setattr(checkpoint, "code", lambda: "later")
    with pytest.raises(CannotGoOn, match="another state of this code"):
        checkpoint.read(path, "cell")
    path.unlink()
    path.mkdir()
    with pytest.raises(CannotGoOn, match="cannot be read"):
        checkpoint.read(path, "cell")
    assert "stranger" not in capsys.readouterr().out


def test_what_is_tried_after_a_stop_is_drawn_from_what_is_left():
    for made, tried in ((0, 0), (5, 1), (5, 0), (7, 2), (19, 4)):
        starts = draw_starts(20, 4, made, tried)
        assert all(start >= made for start in starts)
        assert [start // 5 for start in starts] == list(range(tried, 4))[-len(starts) or 4 :]
    assert draw_starts(2, 4, made=1, tried=1) == [1]


def test_a_cell_is_stopped_goes_on_and_leaves_its_weights_under_timms_names(workshop):
    write_suites(workshop, changed(seeds=1, recipe={"epochs": 2, "batch": 32, "lr": 0.05}))
    suite, keep = load_suite("tiny"), Keep(workshop / "a.pt", workshop / "a.safetensors")
    (cell,) = cells("tiny", suite, "greedy_sl")
    said = []

    def report(what):
        said.append(what)
        Stop.asked = True

    stopped = run_kept_cell(report, cell, suite, "", keep)
    assert isinstance(stopped, Unfinished)
    assert keep.checkpoint.exists()
    assert not keep.weights.exists()
    Stop.asked = False
    record = run_kept_cell(said.append, cell, suite, "", keep)
    assert record.status == "ok"
    assert record.isolation == "verified"
    assert said == [0.5, "goes on from phase 0, epoch 1, step 1", 1.0, f"its weights are in {keep.weights}"]
    model = timm.create_model("cifar_resnet8", num_classes=10, in_chans=1, checkpoint_path=str(keep.weights)).eval()
    dataset = load_dataset("digits")
    loader = evaluation_loader(cell, suite, dataset, load_splits(dataset, data_root(), 0.1, 96).test)
    (batch,) = loader.show([torch.arange(96)])
    with torch.inference_mode():
        assert hit_rates(model(batch.x), batch.y, (1,)) == (record.accuracy.test_top1,)
    whole = run_kept_cell(lambda _: None, cell, suite, "", Keep(workshop / "b.pt")).accuracy
    assert [row.losses for row in whole.curve] == [row.losses for row in record.accuracy.curve]
    assert (whole.test_top1, whole.probes) == (record.accuracy.test_top1, record.accuracy.probes)


def test_one_cell_of_a_suite_by_its_index_and_none_after_the_time_is_up(workshop, monkeypatch, capsys):
    err = mistake(monkeypatch, capsys, "cell", "tiny", "--index", "4", "--method", "e2ebp", "--method", "dgl")
    assert "it has 4, from 0 to 3" in err
    assert "write 90s" in mistake(monkeypatch, capsys, "run", "tiny", "--time-limit", "soon")
    watcher = Watcher()
    run_suite("tiny", ["e2ebp", "dgl"], watcher, RunOptions(index=1))
    assert watcher.trained == [("e2ebp", 1, "ok")]
    with pytest.raises(OutOfTime, match="3 of 4 cells are not finished"):
        run_suite("tiny", ["e2ebp", "dgl"], watcher, RunOptions(seconds=0.0))
    assert watcher.found == 1
    assert not list(workshop.glob(".beyond/checkpoints/*"))
