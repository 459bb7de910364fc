"""Sign symmetry, Kolen-Pollack and weight mirrors: what their feedback weights are, and what becomes of them."""

import numpy as np
import pytest
import torch
from handmade import RECIPE, build, pictures
from linear import build_linear, error, plain_sgd, vectors, weights

from benchmark.engine.objectives import feedback
from benchmark.engine.training.train import build_optimizers, train_step

WIDTHS = [6, 5, 7], [7, 4]


def gradients(method, batch):
    for loss in method.losses(batch):
        loss.backward()
    return [p.grad for p in method.modules.parameters()]


def expected(method, batch, second, third):
    """Gradients of three linear layers whose errors go back through ``third`` and ``second``."""
    a, c, e = weights(method)
    x = batch.x.numpy()
    wrong = error(x @ a.T @ c.T @ e.T, batch.y.numpy()) / len(batch)
    return [(wrong @ third @ second).T @ x, (wrong @ third).T @ (x @ a.T), wrong.T @ (x @ a.T @ c.T)]


@pytest.mark.parametrize("magnitude", ["uniform", "fixed", "drawn"])
def test_signs_are_those_of_the_weights_and_sizes_are_not(magnitude):
    method, batch = build_linear("sign_symmetry", *WIDTHS, options={"magnitude": magnitude}), vectors(seed=1)
    draws = torch.get_rng_state()
    got = gradients(method, batch)
    torch.set_rng_state(draws)
    back = []
    for w, size in zip(weights(method), method.auxiliaries.buffers(), strict=True):
        drawn = torch.randn(w.shape, dtype=torch.float64).abs().numpy() if magnitude == "drawn" else 1.0
        back.append(size.numpy() * drawn * np.sign(w))
    for gradient, other in zip(got, expected(method, batch, *back[1:]), strict=True):
        np.testing.assert_allclose(gradient.numpy(), other, rtol=1e-12, atol=1e-15)
    sizes = {len(np.unique(np.abs(b))) for b in back}
    assert (sizes == {1}) == (magnitude == "uniform")


@pytest.mark.parametrize(("magnitude", "tolerance"), [("uniform", 1e-6), ("fixed", 0.2), ("drawn", 0.2)])
def test_signed_feedback_is_as_large_as_the_weights_were_at_first(magnitude, tolerance, monkeypatch):
    """Their root mean square, up to the scatter of some hundred draws."""
    used, theirs = [], feedback.through
    monkeypatch.setattr(feedback, "through", lambda layers, back: theirs(layers, used.extend(back) or used))
    method = build_linear("sign_symmetry", [6, 80, 70], [70, 4], options={"magnitude": magnitude})
    sizes = [np.sqrt(np.mean(w**2)) for w in weights(method)]
    for p in method.modules.parameters():
        p.data *= 3
    list(method.losses(vectors(seed=1)))
    assert [np.sqrt(np.mean(b.numpy() ** 2)) for b in used] == pytest.approx(sizes, rel=tolerance)


def test_batchwise_magnitudes_are_drawn_anew_and_fixed_ones_are_not():
    for magnitude, same in (("drawn", False), ("fixed", True)):
        method, batch = build_linear("sign_symmetry", *WIDTHS, options={"magnitude": magnitude}), vectors(seed=1)
        first = [g.clone() for g in gradients(method, batch)]
        method.modules.zero_grad()
        assert torch.equal(first[0], gradients(method, batch)[0]) == same


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_kolen_pollack_feedback_becomes_the_weights_geometrically(optimizer):
    """The paper's identity: B - Wᵀ shrinks by 1 - λ a step, whatever the errors were; of convolutions, too."""
    method, batch = build("kolen_pollack", {"decay": 0.05}), pictures()
    method.modules.double(), method.auxiliaries.double()
    batch.x = batch.x.double()
    optimizers = build_optimizers(method, RECIPE.changed({"optimizer": optimizer, "weight_decay": 0.0}), method.phase)
    back = [*method.auxiliaries.parameters()]
    own = [p for p in method.modules.parameters() if p.ndim > 1]
    before = [(b - w).detach().clone() for b, w in zip(back, own, strict=True)]
    start = [w.detach().clone() for w in own]
    for _ in range(5):
        train_step(method, batch, optimizers)
    for b, w, difference, old in zip(back, own, before, start, strict=True):
        torch.testing.assert_close(b - w, 0.95**5 * difference, rtol=1e-9, atol=1e-12)
        assert (w - old * 0.95**5).abs().max() > 1e-3  # it learned meanwhile


def test_kolen_pollack_goes_back_through_b():
    method, batch = build_linear("kolen_pollack", *WIDTHS), vectors(seed=1)
    got = gradients(method, batch)
    _, second, third = (b.detach().numpy() for b in method.auxiliaries.parameters())
    for gradient, other in zip(got, expected(method, batch, second, third), strict=True):
        np.testing.assert_allclose(gradient.numpy(), other, rtol=1e-12, atol=1e-15)
    for b, w in zip(method.auxiliaries.parameters(), method.modules.parameters(), strict=True):
        assert torch.equal(b.grad, w.grad)


def test_a_mirror_shows_the_weights():
    """E[x yᵀ] = Wᵀ: of much noise, B is W up to the scatter of the draws."""
    method = build("weight_mirror", {"rho": 1.0, "noise": 40_000})
    back, own = [*method.auxiliaries.buffers()], [p for p in method.modules.parameters() if p.ndim > 1]
    for k in range(len(method.modules)):
        method.after_step(k)
    for b, w in zip(back, own, strict=True):
        assert (b - w).norm() < 0.06 * w.norm()


def test_a_mirror_follows_in_training_and_errors_go_back_through_it():
    method, batch = build_linear("weight_mirror", *WIDTHS), vectors(seed=1)
    before = [b.clone().numpy() for b in method.auxiliaries.buffers()]
    got = gradients(method, batch)
    for gradient, other in zip(got, expected(method, batch, *before[1:]), strict=True):
        np.testing.assert_allclose(gradient.numpy(), other, rtol=1e-12, atol=1e-15)
    optimizers = plain_sgd(method)
    for _ in range(60):
        train_step(method, batch, optimizers)
    for b, old, w in zip(method.auxiliaries.buffers(), before, weights(method), strict=True):
        assert np.linalg.norm(b.numpy() - w) < 0.3 * np.linalg.norm(old - w)
