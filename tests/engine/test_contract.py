"""What the method contract promises beyond one loss per module: phases, read-outs, few labels, pipelines, claims."""

from pathlib import Path
from types import MappingProxyType

import pytest
import torch
import torch.nn.functional as F
from conftest import METHOD_IDS, ROOT, make_method, small_suite
from handmade import TASK, network, pictures
from torch import nn

from benchmark.engine.load import load_method
from benchmark.engine.measuring.cost import count_parameters
from benchmark.engine.measuring.isolation import leaks, moved_modules
from benchmark.engine.pictures.data import load_splits
from benchmark.engine.pictures.loader import Loader, MemoryLoader
from benchmark.engine.training.build import build_method, build_partition
from benchmark.engine.training.method import LocalMethod, Method, ModularMethod, Phase
from benchmark.engine.training.train import build_optimizers, check_finite, set_phase, train_phase, train_step
from benchmark.errors import UserError
from benchmark.running.cell import labels_consumed
from benchmark.schema.plugins import INHERITED, METHODS, load_class, method_metadata

RECIPE = small_suite().recipe


class Linear(LocalMethod):
    """Every module classifies the mean of its map."""

    def auxiliary(self, k):
        return None if k == self.last else nn.Linear(8, 4)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h.mean((2, 3))), batch.y)


class Sequential(Linear):
    def phases(self):
        return tuple(Phase((k,)) for k in range(len(self.modules)))


def test_a_local_method_trains_in_turn_where_its_phases_say_so():
    method, batch = Sequential(network(3), TASK), pictures()
    for phase in method.phases():
        set_phase(method, phase)
        before = [[p.clone() for p in m.parameters()] for m in method.modules]
        statistics = [[b.clone() for b in m.buffers()] for m in method.modules]
        losses = train_step(method, batch, build_optimizers(method, RECIPE, phase))
        assert len(losses) == 1
        for k, module in enumerate(method.modules):
            trained = k in phase.trains
            moved = [not torch.equal(a, b) for a, b in zip(module.parameters(), before[k], strict=True)]
            assert all(moved) if trained else not any(moved)
            if not trained:
                assert all(torch.equal(a, b) for a, b in zip(module.buffers(), statistics[k], strict=True))


class Shifted(Linear):
    """Adds a learned map of the picture's mean at the entrance of each module but the first."""

    def auxiliary(self, k):
        return nn.ModuleDict({"head": super().auxiliary(k) or nn.Identity(), "context": nn.Linear(3, 8)})

    def enter(self, k, h, x):
        return h + self.auxiliaries[k]["context"](x.mean((2, 3)))[:, :, None, None] if k else h

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k]["head"](h.mean((2, 3))), batch.y)

    def deployed(self):
        return (self.modules, *(self.auxiliaries[k]["context"] for k in range(1, len(self.modules))))


def test_what_a_module_enters_with_is_trained_deployed_and_counted():
    method, batch = Shifted(network(3), TASK), pictures()
    method.modules.eval()
    h = method.modules[0](batch.x)
    for k in (1, 2):
        h = method.modules[k](h + method.auxiliaries[k]["context"](batch.x.mean((2, 3)))[:, :, None, None])
    assert torch.equal(method.predict(batch.x), h)
    deployed, auxiliary = count_parameters(method)
    backbone = sum(p.numel() for p in method.modules.parameters())
    assert deployed - backbone == 2 * (3 * 8 + 8)
    assert auxiliary == 2 * (8 * 4 + 4) + (3 * 8 + 8)  # the first module's context is never used
    set_phase(method, method.phase)
    assert moved_modules(method, batch) == [(0,), (1,), (2,)]


class Readout(Linear):
    readout = True
    labels = "none"

    def auxiliary(self, k):
        return None

    def local_loss(self, k, h, batch):
        return h.square().mean()


@pytest.mark.parametrize("k", [1, 2, 4])
def test_with_a_readout_the_classifier_stands_apart_and_learns_last(k, digits):
    suite = small_suite()
    partition = build_partition(suite.backbones[0], digits.task, k, suite.balance, seed=0)
    method = build_method(Readout, {}, suite, suite.backbones[0], digits.task, k, seed=0)
    assert method.last == k
    assert [len(m) for m in method.modules][-1] == 1
    assert method.outputs[: k - 1] == partition.outputs[:-1]
    assert method.outputs[k - 1] == partition.unit_outputs[-1][-2]
    assert [len(u) for u in method.unit_outputs] == [len(m) for m in method.modules]
    ours = {n: p for m in method.modules for u in m for n, p in u.state_dict().items()}
    assert all(torch.equal(ours[n], p) for n, p in partition.state_dict().items())
    hidden, readout = method.phases()
    assert (hidden.trains, hidden.labels) == (tuple(range(k)), "none")
    assert (readout.trains, readout.labels) == ((k,), "full")
    assert labels_consumed(method, 1000) == {"none": 1000, "full": 1000}


def test_a_classifier_that_is_a_module_already_is_left_alone(digits):
    suite = small_suite()
    largest = build_partition(suite.backbones[0], digits.task, 5, suite.balance, seed=0)
    assert [len(m) for m in largest.modules][-1] == 1
    assert largest.with_classifier_apart() is largest


def restricted(digits, seed: int, per_class: int | None) -> tuple[Loader, torch.Tensor]:
    splits = load_splits(digits, Path("data"), validation=0.1)
    return MemoryLoader(splits.train, digits, 64, seed=seed, train=True).restricted(per_class), splits.train.labels


def test_few_labelled_pictures_are_all_that_a_restricted_loader_shows(digits):
    (few, labels), (other, _) = restricted(digits, 3, 2), restricted(digits, 4, 2)
    full, _ = restricted(digits, 3, None)
    assert labels[few.pool].bincount().tolist() == [2] * 10
    assert set(few.pool.tolist()) != set(other.pool.tolist())  # which ones hangs on the seed
    seen = list(few.epoch(0))
    assert len(seen) == len(list(full.epoch(0)))
    assert set(few.order(0).tolist()) == set(few.order(1).tolist()) == set(few.pool.tolist())
    assert torch.cat([b.y for b in seen]).bincount(minlength=10).min() > 0


def test_labels_are_counted_by_kind_and_few_as_few():
    class Few(ModularMethod):
        def phases(self):
            return Phase((0, 1), labels="pairs"), Phase((2,), labels="full", labels_per_class=2)

    assert labels_consumed(Few(network(3), TASK), 500) == {"pairs": 500, "full": 8}


class Filling(Method):
    """The first step yields one loss, all others two."""

    lag = 1

    def losses(self, batch):
        self.steps = getattr(self, "steps", 0) + 1
        yield (1.0 * self.steps) * F.cross_entropy(self.predict(batch.x), batch.y) * 0 + self.steps
        if self.steps > 1:
            yield 10.0 * self.steps + 0 * sum(p.sum() for p in self.modules.parameters())


def test_a_pipeline_that_fills_may_yield_fewer_losses_at_first(digits, loader):
    suite = small_suite()
    method = build_method(Filling, {}, suite, suite.backbones[0], digits.task, 2, seed=0)
    (row,) = train_phase(method, method.phase, loader, RECIPE.model_copy(update={"epochs": 1}), lambda: None)
    steps = len(loader)
    assert row.losses == pytest.approx((sum(range(1, steps + 1)) / steps, 10 * sum(range(2, steps + 1)) / (steps - 1)))
    check_finite([torch.zeros(1), torch.zeros(2)], 0, 1)


class Overlapping(Linear):
    """Loss k moves modules k and k + 1."""

    steps_early = False

    def losses(self, batch):
        h = batch.x
        for k in range(self.last):
            below = self.modules[k](h)
            yield self.modules[k + 1](below).square().mean() + super().local_loss(k, below, batch)
            h = below.detach()


@pytest.mark.parametrize(("reach", "broken"), [(0, [(0, 1), (1, 2)]), (1, []), (None, [])])
def test_how_far_losses_reach_is_compared_with_the_claim(monkeypatch, reach, broken):
    monkeypatch.setattr(Overlapping, "reach", reach)
    assert leaks(Overlapping(network(3), TASK), pictures()) == broken


def test_metadata_that_a_class_inherits_is_known_without_importing_it():
    for base in (Method, LocalMethod, ModularMethod):
        assert INHERITED[base.__name__] == {name: getattr(base, name) for name in INHERITED[base.__name__]}
    for name in METHOD_IDS:
        said, is_so = method_metadata(ROOT / METHODS / f"{name}.py"), load_method(name)
        for key in ("family", "removes", "reach", "requires", "everywhere", "cut_matters"):
            assert said[key] == getattr(is_so, key), (name, key)


def test_a_lock_that_is_none_is_refused(tmp_path):
    path = tmp_path / "odd.py"
    text = (ROOT / METHODS / "greedy_sl.py").read_text()
    path.write_text(text.replace("    year = 2021", '    year = 2021\n    removes = ("sideways",)'))
    with pytest.raises(UserError, match="no lock 'sideways'"):
        method_metadata(path)
    assert load_class(path, Method).removes == ("sideways",)


def test_the_hidden_outputs_that_probes_see_are_those_of_the_chain(digits, loader):
    from benchmark.engine.measuring.probe import linear_probes

    method = make_method("greedy_sl", 3, digits)
    seen = []

    def chain(x):
        for i in range(3):
            seen.append(i)
            yield torch.zeros(len(x), *method.outputs[i].shape)

    method.chain = chain
    scores = linear_probes(method, loader, loader)
    assert len(scores) == 2
    assert 2 not in seen  # the classifier is not run
    assert max(scores) < 30  # nothing is to be read from zeros


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"trains": ()}, "name one module at least"),
        ({"trains": (-1,)}, "count them from 0"),
        ({"trains": (0,), "share": float("inf")}, "must be a number above 0"),
        ({"trains": (0,), "labels": "ful"}, "they may be full, pairs, none"),
        ({"trains": (0,), "labels_per_class": 0}, "needs one at least"),
    ],
)
def test_a_phase_that_cannot_be_is_one_sentence(said, sentence):
    with pytest.raises(UserError, match=sentence):
        Phase(**said)


def test_a_phase_of_a_module_that_there_is_not_is_one_sentence():
    with pytest.raises(UserError, match="trains module 9, but the last one is 1"):
        set_phase(Linear(network(2), TASK), Phase((0, 9)))


def test_an_option_that_is_a_list_is_the_methods_own():
    class Listing(Linear):
        defaults = MappingProxyType({"widths": [8]})

    Listing(network(2), TASK).options.widths.append(1)
    assert Listing(network(2), TASK).options.widths == [8]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (lambda h: h.flatten(1).mean(1), r"a tensor of shape \(\d+,\), but must be a tensor of one number"),
        (lambda h: 1.5, "A loss is a float"),
        (lambda h: h.detach().mean(), "hangs on no weight that learns"),
    ],
)
def test_a_loss_that_cannot_be_propagated_back_is_one_sentence(found, sentence):
    class Odd(Linear):
        def local_loss(self, k, h, batch):
            return found(h)

    with pytest.raises(UserError, match=sentence):
        train_step(Odd(network(2), TASK), pictures(), {})


@pytest.mark.parametrize(("count", "sentence"), [(0, "yields no loss"), (3, "more losses than its phase trains")])
def test_so_many_losses_are_one_sentence(count, sentence):
    class Counting(Linear):
        def losses(self, batch):
            yield from [self.modules[0](batch.x).mean() for _ in range(count)]

    with pytest.raises(UserError, match=sentence):
        train_step(Counting(network(2), TASK), pictures(), {})


@pytest.mark.parametrize("returned", [None, torch.ones(()), torch.ones(3)])
def test_losses_that_are_none_is_one_sentence(returned):
    class Returning(Linear):
        def losses(self, batch):
            return returned

    with pytest.raises(UserError, match=f"`losses` returns a {type(returned).__name__}, but must yield one loss"):
        train_step(Returning(network(2), TASK), pictures(), {})


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"__init__": lambda self, *given: None}, "`self.modules` must stay the nn.ModuleList of 2"),
        ({"phases": lambda self: Phase((0,))}, "`phases` returns a Phase, but must return a list or tuple"),
        ({"phases": lambda self: [[0], [1]]}, "`phases` returns a list, but must return a list or tuple of Phase"),
        ({"phases": lambda self: iter([Phase((0,))])}, "`phases` returns a list_iterator, but must return"),
    ],
)
def test_what_an_author_overrides_wrongly_is_one_sentence(digits, part, sentence):
    suite = small_suite()
    with pytest.raises(UserError, match=sentence):
        build_method(type("Odd", (Linear,), part), {}, suite, suite.backbones[0], digits.task, 2, seed=0)


def test_an_auxiliary_network_that_is_none_is_one_sentence():
    class Bare(Linear):
        def auxiliary(self, k):
            return torch.ones(3)

    with pytest.raises(UserError, match=r"`auxiliary\(0\)` returns a Tensor, but must an nn.Module"):
        Bare(network(2), TASK)
