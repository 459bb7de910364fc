"""Greedy layerwise learning: what its auxiliary networks are and compute."""

import numpy as np
import pytest
import torch
from handmade import TASK, build, pictures
from numpy.lib.stride_tricks import sliding_window_view

from benchmark.engine.pictures.data import Batch
from benchmark.errors import UserError


def normalised(h: np.ndarray, norm: torch.nn.BatchNorm2d) -> np.ndarray:
    """BatchNorm in training: statistics of the batch."""
    weight, bias = (p.detach().numpy()[:, None, None] for p in (norm.weight, norm.bias))
    mean, variance = h.mean((0, 2, 3), keepdims=True), h.var((0, 2, 3), keepdims=True)
    return (h - mean) / np.sqrt(variance + norm.eps) * weight + bias


def expected_loss(h: np.ndarray, method, y: np.ndarray) -> float:
    auxiliary = method.auxiliaries[0]
    for conv, norm, _ in auxiliary.convolutions:
        windows = sliding_window_view(np.pad(h, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3))
        h = np.maximum(normalised(np.einsum("bcxyij,dcij->bdxy", windows, conv.weight.detach().numpy()), norm), 0)
    quarters = h.reshape(*h.shape[:2], 2, 4, 2, 4).mean((3, 5))  # 8x8 -> 2x2
    norm, _, linear = auxiliary.linear
    logits = normalised(quarters, norm).reshape(len(h), -1) @ linear.weight.detach().numpy().T
    logits = logits + linear.bias.detach().numpy()
    return float(np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_loss_is_that_of_a_network_with_k_hidden_layers(k: int) -> None:
    method, batch = build("greedy_layerwise", {"k": k}), pictures(16)
    method.auxiliaries.double()
    for parameter in method.auxiliaries.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, dtype=torch.float64))  # BatchNorm's, too
    assert len(method.auxiliaries[0].convolutions) == k - 1
    h = torch.randn(16, 8, 8, 8, dtype=torch.float64)
    loss = method.proxy_loss(0, h, Batch(batch.raw, batch.y, TASK, batch.x))
    assert loss.item() == pytest.approx(expected_loss(h.numpy(), method, batch.y.numpy()), rel=1e-9)


def test_the_output_module_learns_by_cross_entropy_of_its_own_logits() -> None:
    method, batch = build("greedy_layerwise"), pictures(16)
    logits = torch.randn(16, 4, dtype=torch.float64)
    expected = (logits.exp().sum(1).log() - logits[torch.arange(16), batch.y]).mean()
    torch.testing.assert_close(method.proxy_loss(method.last, logits, batch), expected)
    assert not list(method.auxiliaries[method.last].parameters())


@pytest.mark.parametrize("k", [0, 4, "3"])
def test_another_depth_is_refused(k: object) -> None:
    with pytest.raises(UserError, match="k must be 1, 2 or 3"):
        build("greedy_layerwise", {"k": k})
