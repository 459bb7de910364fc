"""NoProp: the marginals that its steps keep, its losses in numpy, and a label that survives all steps."""

import math

import numpy as np
import pytest
import torch
from handmade import TASK, build, pictures


@pytest.mark.parametrize("modules", [1, 2, 5])
def test_a_step_on_the_right_label_gives_the_next_noise_level(modules: int) -> None:
    """If z_t ~ N(√ᾱ_t u, 1 - ᾱ_t), then a u + b z_t + √c ε is a draw of z_{t+1}: the paper's posterior."""
    method = build("noprop", k=modules)
    assert method.signal(0) == 0
    for t in range(modules):
        before, after = method.signal(t), method.signal(t + 1)
        a, b = method.step(t)
        c = (1 - after) * (1 - before / after) / (1 - before)
        assert before < after < 1
        assert a + b * math.sqrt(before) == pytest.approx(math.sqrt(after), rel=1e-12)
        assert b**2 * (1 - before) + c == pytest.approx(1 - after, rel=1e-12)


@pytest.mark.parametrize("k", [0, 1])
def test_losses_weigh_the_distance_by_the_gain_in_signal(k: int) -> None:
    method, batch = build("noprop", {"eta": 0.5}), pictures(16)
    method.modules.eval()
    h = list(method.chain(batch.x))[k].detach()
    torch.manual_seed(0)
    loss = method.local_loss(k, h, batch).item()
    torch.manual_seed(0)
    before, after = (np.sin(np.pi * t / 8) ** 2 for t in (k, k + 1))
    u = np.eye(4)[batch.y.numpy()]
    z = np.sqrt(before) * u + np.sqrt(1 - before) * torch.randn(16, 4).numpy()
    guess = method.auxiliaries[k](h, torch.from_numpy(z).float()).detach().numpy()
    gain = after / (1 - after) - before / (1 - before)
    assert loss == pytest.approx(0.25 * gain * ((guess - u) ** 2).sum(1).mean(), rel=1e-5)


def test_a_denoiser_that_is_right_leads_to_the_label() -> None:
    method, batch = build("noprop"), pictures(8)
    method.modules.eval()
    truth = torch.nn.functional.one_hot(batch.y, TASK.classes).float()
    for auxiliary in method.auxiliaries:
        auxiliary.forward = lambda h, z: truth
    kept = method.signal(3)  # z_T is √ᾱ_T u: its log-likelihoods, but for what they share
    torch.testing.assert_close(method.predict(batch.x), kept / (1 - kept) * truth)


def test_prediction_is_the_recursion_of_guesses_from_features_and_the_step_before() -> None:
    """z_t = a_t û_t + b_t z_{t-1} from z_0 = 0, and û_t sees z_{t-1}, in numpy."""
    method, x = build("noprop"), pictures(8).x
    method.modules.eval()
    clean = np.sin(np.pi * np.arange(4) / 8) ** 2
    z = np.zeros((8, 4))
    for t, (h, denoiser) in enumerate(zip(method.chain(x), method.auxiliaries, strict=True), start=1):
        w, b, v, c = (p.detach().numpy() for p in denoiser.parameters())
        pooled = h.detach().numpy().reshape(8, h.shape[1], -1).mean(2)
        p = np.exp(np.maximum(np.hstack([pooled, z]) @ w.T + b, 0) @ v.T + c)
        kept = clean[t - 1] / clean[t]
        new = np.sqrt(clean[t]) * (1 - kept) * p / p.sum(1, keepdims=True)
        z = (new + np.sqrt(kept) * (1 - clean[t]) * z) / (1 - clean[t - 1])
    expected = np.sqrt(clean[3]) / (1 - clean[3]) * z
    np.testing.assert_allclose(method.predict(x).detach().numpy(), expected, rtol=1e-5)
