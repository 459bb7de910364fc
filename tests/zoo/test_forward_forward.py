"""Forward-forward: its loss in numpy, labels spread over the picture, and what may pass between modules."""

import numpy as np
import pytest
import torch
from handmade import TASK, build, network, pictures
from torch import Tensor, nn

from benchmark.engine.measuring.isolation import leaks, moved_modules
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.training.evaluate import evaluating
from benchmark.engine.training.method import LocalMethod
from benchmark.engine.training.train import set_phase
from benchmark.errors import UserError

NAME = "forward_forward"


def double(options: dict | None = None, k: int = 3) -> tuple[LocalMethod, Batch]:
    """The method and pictures in float64; no dropout, whose mask would differ between two passes."""
    method = build(NAME, options, k)
    assert isinstance(method, LocalMethod)
    for part in method.modules.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0
    method.modules.double(), method.auxiliaries.double()
    batch = pictures()
    return method, Batch(batch.raw, batch.y, batch.task, batch.x.double())


def wave(method: LocalMethod, y: np.ndarray) -> np.ndarray:
    """The labels' waves (B, H, W), pixel by pixel, from the buffers alone."""
    rows, columns = method.auxiliaries[0].rows.numpy()[y], method.auxiliaries[0].columns.numpy()[y]
    return rows[:, 0, :, None] * columns[:, 0, None, :] + rows[:, 1, :, None] * columns[:, 1, None, :]


def labelled(method: LocalMethod, batch: Batch, y: Tensor) -> Tensor:
    return torch.from_numpy(batch.x.numpy() + wave(method, y.numpy())[:, None])


def test_losses_are_those_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = double({"threshold": 1.5, "sharpness": 3.0})
    wrong = (batch.y + 1 + torch.arange(len(batch)) % 3) % 4
    monkeypatch.setattr(method, "wrong_labels", lambda y: wrong)
    set_phase(method, method.phases()[0])
    found = [loss.item() for loss in method.losses(batch)]

    h = torch.cat([labelled(method, batch, batch.y), labelled(method, batch, wrong)])
    expected = []
    for k in range(2):
        with torch.no_grad():
            out = method.modules[k](h).numpy()
        goodness = (out**2).mean((1, 2, 3))
        positive, negative = 3.0 * (goodness[:64] - 1.5), 3.0 * (goodness[64:] - 1.5)
        expected.append(np.mean(np.log1p(np.exp(-positive)) + np.log1p(np.exp(negative))))
        h = torch.from_numpy(out / np.sqrt(goodness)[:, None, None, None])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("size", [8, 9, 32])
def test_waves_are_orthogonal_cosines_of_at_least_two_periods(size: int) -> None:
    task = Task(10, size, 3, TASK.mean, TASK.std)
    method = build(NAME, {"amplitude": 3.0})
    kind = type(method.auxiliaries[0])
    torch.manual_seed(0)
    waves = kind(task, 3.0).double()
    method.auxiliaries[0] = waves
    flat = wave(method, np.arange(10)).reshape(10, -1)
    np.testing.assert_allclose(flat @ flat.T / size**2, 4.5 * np.eye(10), atol=1e-5)  # a² / 2
    power = np.abs(np.fft.fft2(flat.reshape(10, size, size)))
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2))
    for spectrum in power:
        assert set(np.round(frequency[spectrum > spectrum.max() / 2] ** 2).astype(int)) & set(range(4)) == set()
        assert (spectrum > spectrum.max() / 1000).sum() == 2  # a frequency and its mirror


def test_more_classes_than_waves_still_have_labels_of_their_own() -> None:
    task = Task(100, 8, 1, (0.5,), (0.25,))
    method = build(NAME)
    torch.manual_seed(0)
    method.auxiliaries[0] = type(method.auxiliaries[0])(task, 1.0)
    flat = wave(method, np.arange(100)).reshape(100, -1)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1) + 10 * np.eye(100)
    assert apart.min() > 1e-2


def test_the_neutral_label_is_the_mean_of_all_labels() -> None:
    method, batch = double()
    neutral = method.enter(0, batch.x, batch.x)
    every = torch.stack([labelled(method, batch, torch.full((64,), c)) for c in range(4)])
    torch.testing.assert_close(neutral, every.mean(0))


def test_a_prediction_by_readout_has_no_way_to_the_label() -> None:
    method, batch = double({"prediction": "readout"})
    method.modules.eval()
    seen = []
    method.modules[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    logits = method.predict(batch.x)
    assert len(seen) == 1
    torch.testing.assert_close(seen[0], batch.x + (method.enter(0, batch.x, batch.x) - batch.x)[:1])
    one = method.predict(batch.x[5:6])
    torch.testing.assert_close(logits[5:6], one)


def test_the_readout_learns_from_neutral_pictures() -> None:
    method, batch = double({"prediction": "readout"})
    set_phase(method, method.phases()[1])
    (loss,) = method.losses(batch)
    expected = nn.functional.cross_entropy(method.predict(batch.x), batch.y)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 50.0])
def test_how_good_a_module_is_does_not_reach_the_next(factor: float) -> None:
    method, batch = double()
    set_phase(method, method.phases()[0])
    torch.manual_seed(0)
    plain = [loss.item() for loss in method.losses(batch)]
    method.modules[0].register_forward_hook(lambda _, inputs, h: factor * h)
    torch.manual_seed(0)
    scaled = [loss.item() for loss in method.losses(batch)]
    assert scaled[1] == pytest.approx(plain[1], rel=1e-9)
    assert (scaled[0] == pytest.approx(plain[0])) == (factor == 1)


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 17, 6), (5, 7)])
def test_entering_a_module_has_a_goodness_of_one_in_every_layout(shape: tuple[int, ...]) -> None:
    method = build(NAME)
    h = torch.randn(shape) * torch.arange(1, 6).view(-1, *(1,) * (len(shape) - 1))
    seen = method.enter(1, h, h)
    torch.testing.assert_close(seen.square().flatten(1).mean(1), torch.ones(5))
    torch.testing.assert_close(seen / h, (seen / h).flatten(1)[:, :1].view(-1, *(1,) * (h.dim() - 1)).expand_as(h))
    assert method.enter(1, torch.zeros(shape), h).abs().max() == 0


def test_predicting_by_goodness_tries_every_label() -> None:
    method, batch = double({"prediction": "goodness"})
    with evaluating([method.modules]):
        found = method.predict(batch.x)
        for i in (0, 7, 63):
            for c in range(4):
                h = labelled(method, batch, torch.full((64,), c))[i : i + 1]
                total = 0.0
                for k in range(2):
                    h = method.modules[k](h)
                    total += float((h**2).mean())
                    h = h / (h**2).mean().sqrt()
                assert float(found[i, c]) == pytest.approx(total)


def test_negatives_never_carry_the_true_label_and_any_other_as_often() -> None:
    method = build(NAME)
    y = torch.arange(4).repeat(3000)
    torch.manual_seed(0)
    wrong = method.wrong_labels(y)
    assert (wrong != y).all()
    counts = torch.stack([wrong[y == c].bincount(minlength=4) for c in range(4)])
    assert ((counts - 1000).abs() < 120)[counts > 0].all()
    assert (counts > 0).sum() == 12


def test_positives_stand_before_negatives_of_the_same_pictures() -> None:
    method, batch = double()
    seen = []
    method.modules[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    set_phase(method, method.phases()[0])
    next(iter(method.losses(batch)))
    torch.testing.assert_close(seen[0][:64], labelled(method, batch, batch.y))
    label = (seen[0][64:] - batch.x)[:, 0]
    nearest = torch.stack([(label - torch.from_numpy(wave(method, np.array([c])))).norm(dim=(1, 2)) for c in range(4)])
    assert nearest.min(0).values.max() < 1e-6
    assert (nearest.argmin(0) != batch.y).all()


@pytest.mark.parametrize("prediction", ["goodness", "readout"])
def test_no_loss_reaches_another_module(prediction: str) -> None:
    method = build(NAME, {"prediction": prediction}, 4)
    assert leaks(method, pictures()) == []
    set_phase(method, method.phases()[0])
    assert moved_modules(method, pictures()) == [(0,), (1,), (2,)]


def test_only_the_readout_trains_the_classifier() -> None:
    assert [p.trains for p in build(NAME, {"prediction": "readout"}, 3).phases()] == [(0, 1), (2,)]
    assert [p.trains for p in build(NAME, {"prediction": "goodness"}, 3).phases()] == [(0, 1)]
    assert {p.labels for p in build(NAME, {"prediction": "readout"}, 3).phases()} == {"full"}
    hidden = build(NAME, {"prediction": "goodness"}, 3).deployed()
    assert sum(p.numel() for m in hidden for p in m.parameters()) == sum(
        p.numel() for p in network(3).modules[:2].parameters()
    )


def test_every_module_has_an_output_for_probes_in_both_variants() -> None:
    for prediction in ("goodness", "readout"):
        method, batch = double({"prediction": prediction})
        assert [tuple(h.shape) for h in method.chain(batch.x)] == [(64, 8, 8, 8), (64, 8, 8, 8), (64, 4)]


def test_an_unknown_prediction_is_refused() -> None:
    with pytest.raises(UserError, match="no prediction 'both'"):
        build(NAME, {"prediction": "both"})
