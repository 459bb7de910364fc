"""DiffusionBlocks: equal shares of the noise, its loss in numpy, steps of Euler, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from handmade import pictures
from scipy.stats import norm
from torch import nn

from benchmark.engine.golden import VIT
from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.build import build_method
from benchmark.engine.training.train import set_phase
from benchmark.errors import UserError
from benchmark.schema.suite import Backbone
from benchmark.submitting.check.problem import SUITE

DIGITS = load_dataset("digits").task


def build(k=3, options=None, backbone=VIT, **kwargs):
    backbone = backbone.model_copy(update={"kwargs": {**backbone.kwargs, **kwargs}})
    return build_method(load_method("diffusion_blocks"), options or {}, SUITE, backbone, DIGITS, k, seed=0)


def digits(count=6):
    batch = pictures(count)
    return Batch(batch.raw[:, :1], batch.y, DIGITS, batch.x[:, :1])


def test_modules_share_the_noise_in_equal_probability():
    method = build()
    levels = [method.level(k) for k in range(4)]
    assert (levels[0], levels[-1]) == (pytest.approx(80), pytest.approx(0.002))
    assert np.diff(norm.cdf(np.log(levels), -1.2, 1.2)) == pytest.approx([-1 / 3] * 3, abs=1e-4)
    assert levels[1] * levels[2] == pytest.approx(math.exp(-2.4), rel=1e-3)  # the median is e^-1.2


@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_noise_is_drawn_log_normally_from_the_widened_interval(gamma):
    method = build(options={"gamma": gamma})
    torch.manual_seed(0)
    found = np.log(method.drawn(1, 20000, torch.device("cpu")).numpy())
    low, high = np.log(method.level(2)), np.log(method.level(1))
    low, high = low - gamma * (high - low), high + gamma * (high - low)
    assert low <= found.min() < found.max() <= high
    inside = norm.cdf([low, found.mean(), high], -1.2, 1.2)
    assert found.mean() == pytest.approx(-1.2, abs=0.02)  # the interval in the middle is symmetric
    shares = (norm.cdf(found, -1.2, 1.2) - inside[0]) / (inside[2] - inside[0])
    assert np.histogram(shares, 4, (0, 1))[0] == pytest.approx([5000] * 4, rel=0.06)


def test_a_loss_is_the_weighted_cross_entropy_of_a_preconditioned_denoiser():
    method, batch = build(), digits()
    method.modules.eval()
    tokens = method.forward(0, batch.x).detach()
    torch.manual_seed(0)
    loss = method.local_loss(1, tokens, batch).item()
    torch.manual_seed(0)
    sigma = method.drawn(1, 6, torch.device("cpu")).numpy()[:, None]
    own = method.auxiliaries[1]
    u = own["label"].weight.detach().numpy()
    u = u / np.linalg.norm(u, axis=1, keepdims=True)
    z = u[batch.y.numpy()] + sigma * torch.randn(6, u.shape[1]).numpy()
    both = sigma**2 + 0.25
    with torch.no_grad():
        label = torch.from_numpy(z / np.sqrt(both)).float() + own["level"](torch.from_numpy(np.log(sigma) / 4).float())
        h = method.modules[1](torch.cat([tokens, label[:, None]], 1))[:, 0].numpy()
        logits = own["head"](torch.from_numpy(0.25 / both * z + 0.5 * sigma / np.sqrt(both) * h).float()).numpy()
    entropy = np.log(np.exp(logits).sum(1)) - logits[range(6), batch.y.numpy()]
    assert loss == pytest.approx((both / (0.5 * sigma) ** 2)[:, 0] @ entropy / 6 / method.mean_weight(1), rel=1e-4)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_the_mean_weight_is_that_of_a_numerical_integral(k):
    method = build(options={"gamma": 0.1})
    at = np.linspace(*method.interval(k), 200001)
    density = norm.pdf(at, -1.2, 1.2)
    assert method.mean_weight(k) == pytest.approx(((np.exp(-2 * at) + 4) * density).sum() / density.sum(), rel=1e-4)


@pytest.mark.parametrize(("k", "steps"), [(1, 1), (3, 1), (2, 3)])
def test_steps_of_euler_keep_as_much_of_the_noise_as_is_left(k, steps):
    """Of a denoiser that always says p, z goes straight from its start, here 0, to Σ p u: (1 - σ/80) of the way."""
    method, seen = build(k, {"steps": steps}), []
    logits = torch.randn(2, 10)

    def denoised(k, tokens, z, sigma):
        seen.append((k, sigma[0].item(), z))
        return tokens, logits

    method.denoised = denoised
    assert torch.equal(method.predict(digits(2).x), logits)
    assert [module for module, _, _ in seen] == [module for module in range(k) for _ in range(steps)]
    assert seen[0][1] == pytest.approx(80)
    for module, sigma, z in seen:
        torch.testing.assert_close(z, (1 - sigma / 80) * logits.softmax(1) @ method.embeddings(module))


def test_no_loss_moves_another_module():
    method = build()
    set_phase(method, method.phase)
    assert moved_modules(method, digits()) == [(0,), (1,), (2,)]


def test_modules_see_the_stem_and_not_one_another():
    method, batch = build(), digits()
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        found.append([loss.item() for loss in method.losses(batch)])
        with torch.no_grad():
            [p.add_(1) for unit in method.blocks(0) for p in unit.parameters()]
    assert found[0][0] != found[1][0]
    assert found[0][1:] == found[1][1:]


@pytest.mark.parametrize("pooling", [{}, {"global_pool": "token"}, {"class_token": False, "reg_tokens": 0}])
def test_the_features_that_probes_see_have_the_shape_of_the_cut(pooling):
    method, batch = build(4, **pooling), digits(2)
    for h, features in zip(method.chain(batch.x), method.outputs, strict=True):
        assert h.shape[1:] == features.shape


@pytest.mark.parametrize(("k", "backbone"), [(6, VIT), (2, Backbone(name="cifar_resnet8"))])
def test_a_module_without_blocks_is_refused(k, backbone):
    """Of the first, the stem is a module, and so is the classifier."""
    with pytest.raises(UserError, match=r"DiffusionBlocks needs transformer blocks in every module.* has none"):
        build(k, backbone=backbone)


class MixesTokens(nn.Module):
    """As mixers do: a layer for five tokens and no others."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(5, 5)

    def forward(self, h):
        return self.mix(h.transpose(1, 2)).transpose(1, 2)


def test_blocks_for_so_many_tokens_and_no_others_are_refused():
    method = build(2)
    assert isinstance(method.auxiliary(1), nn.ModuleDict)
    method.modules[1][0] = MixesTokens()
    with pytest.raises(UserError, match="module 1 of 2 has none"):
        method.auxiliary(1)
