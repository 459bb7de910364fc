"""Decoupled neural interfaces: backpropagation with a perfect predictor, bootstrapped targets, conditioning."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handmade import METHODS, TASK, build, pictures
from linear import build_linear, error, vectors, weights
from torch import nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.measuring.isolation import leaks, moved_modules
from benchmark.engine.training.method import Method
from benchmark.schema.plugins import load_class

SYNTHESISER = load_class(METHODS / "dni.py", Method).auxiliary.__globals__["Synthesiser"]
LAYOUTS = [
    Features("x", (6, 4, 3), "NCHW"),
    Features("x", (4, 3, 6), "NHWC"),
    Features("x", (2 + 9, 6), "NLC", 2),
    Features("x", (6,), "NC"),
]


def backward(method, batch):
    values = []
    for loss in method.losses(batch):
        loss.backward()
        values.append(loss.item())
    return values


def without_dropout(method):
    for part in method.modules.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0
    method.modules.double()
    method.auxiliaries.double()
    return method


def test_with_a_perfect_predictor_it_is_backpropagation(monkeypatch):
    method, twin = (without_dropout(build(name, k=4)) for name in ("dni", "e2ebp"))
    batch = pictures()
    batch.x = batch.x.double()
    outputs = []
    for module in twin.modules:
        outputs.append(module(outputs[-1] if outputs else batch.x))
        outputs[-1].retain_grad()
    F.cross_entropy(outputs[-1], batch.y).backward()
    predicted = []

    def perfect(k, h, batch):
        predicted.append((len(batch) * outputs[k].grad).requires_grad_())
        return predicted[-1]

    monkeypatch.setattr(method, "synthesise", perfect)
    values = backward(method, batch)
    assert len(values) == 7
    for a, b in zip(method.modules.parameters(), twin.modules.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-6, atol=1e-9)
    assert [values[i] for i in (2, 4, 6)] == pytest.approx([0, 0, 0], abs=1e-12)  # and its targets are met


def test_targets_are_bootstrapped_from_the_prediction_above(monkeypatch):
    method, batch = build_linear("dni", [6, 5], [5, 7, 3], [3, 4]), vectors(seed=1)
    draw = np.random.default_rng(0)
    below, above = draw.normal(size=(5, 5)), draw.normal(size=(5, 3))
    predictions = [torch.tensor(p, requires_grad=True) for p in (below, above)]
    monkeypatch.setattr(method, "synthesise", lambda k, h, batch: predictions[k])
    values = backward(method, batch)
    a, c, d, e = weights(method)
    x, count = batch.x.numpy(), len(batch)
    h = x @ a.T
    top = h @ c.T @ d.T
    wrong = error(top @ e.T, batch.y.numpy())
    expected = [
        (h * below).sum() / count,
        (top * above).sum() / count,
        ((below - above @ d @ c) ** 2).sum() / count,
        -np.log(1 - np.abs(wrong[np.arange(count), batch.y.numpy()])).mean(),
        ((above - wrong @ e) ** 2).sum() / count,
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-10)
    np.testing.assert_allclose(method.modules[0][0].weight.grad.numpy(), below.T @ x / count, rtol=1e-10)
    np.testing.assert_allclose(method.modules[1][0].weight.grad.numpy(), (above @ d).T @ h / count, rtol=1e-10)
    np.testing.assert_allclose(predictions[0].grad.numpy(), 2 * (below - above @ d @ c) / count, rtol=1e-10)


@pytest.mark.parametrize("conditioned", [False, True])
@pytest.mark.parametrize("features", LAYOUTS, ids=lambda f: f.layout)
def test_a_synthesiser_starts_at_zero_and_then_uses_labels_if_conditioned(features, conditioned):
    torch.manual_seed(0)
    synthesiser = SYNTHESISER(features, TASK.classes if conditioned else 0)
    h, y = torch.randn(8, *features.shape), torch.arange(8) % 4
    assert torch.equal(synthesiser(h, y), torch.zeros_like(h))
    for part in synthesiser.modules():
        if hasattr(part, "final"):
            nn.init.normal_(part.final.weight)
    assert torch.equal(synthesiser(h, y), synthesiser(h, 3 - y)) != conditioned
    out = synthesiser(h, y)
    assert out.shape == h.shape
    assert (out.flatten(1).abs().amax(0) > 0).all()
    out.square().sum().backward()
    assert all(p.grad is not None for p in synthesiser.parameters())


@pytest.mark.parametrize("features", LAYOUTS, ids=lambda f: f.layout)
def test_from_map_undoes_as_map(features):
    h = torch.randn(2, *features.shape)
    back = features.from_map(features.as_map(h))
    tokens = features.prefix_tokens
    assert torch.equal(back[:, tokens:], h[:, tokens:])
    assert torch.equal(back[:, :tokens], torch.zeros_like(h[:, :tokens]))


def test_hidden_modules_rest_until_their_synthesiser_has_learned_something():
    method = build("dni")
    backward(method, pictures())
    assert all(not p.grad.any() for module in method.modules[:2] for p in module.parameters())
    assert method.auxiliaries[1].map.final.weight.grad.abs().sum() > 0


def test_a_loss_reaches_the_synthesiser_below_and_no_further():
    method = build("dni", {"conditioned": True}, k=4)
    for auxiliary in method.auxiliaries[:3]:
        nn.init.normal_(auxiliary.map.final.weight)
    assert moved_modules(method, pictures(8)) == [(0,), (0, 1), (0,), (1, 2), (1,), (2, 3), (2,)]
    assert leaks(method, pictures(8)) == []
