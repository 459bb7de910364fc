"""Fixed-weight target propagation: targets and updates in numpy; and small steps, which are random Jacobians."""

import numpy as np
import pytest
import torch
from handmade import build, pictures
from linear import build_linear, error, vectors, weights

from benchmark.engine.cutting.partition import Features

FILE = type(build("fixed_weight_dtp")).losses.__globals__


@pytest.mark.parametrize("step", [0.3, 1e-4])
def test_modules_move_towards_targets_that_come_down_by_differences(step: float) -> None:
    method, batch = build_linear("fixed_weight_dtp", [6, 5], [5, 7], [7, 4], options={"step": step}), vectors(seed=0)
    for loss in method.losses(batch):
        loss.backward()
    x, y = batch.x.numpy(), batch.y.numpy()
    a, b, c = weights(method)
    down, top = (method.auxiliaries[k].weight.numpy() for k in (0, 1))
    h, h2 = x @ a.T, x @ a.T @ b.T
    logits = h2 @ c.T
    e = error(logits, y)
    second = (np.tanh((logits - step * e) @ top.T) - np.tanh(logits @ top.T)) / step
    first = (np.tanh((h2 + step * second) @ down.T) - np.tanh(h2 @ down.T)) / step
    expected = -first.T @ x / len(y), -second.T @ h / len(y), e.T @ h2 / len(y)
    for parameter, gradient in zip(method.modules.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-6, atol=1e-10)
    if step < 1e-3:  # the Jacobian of g takes the error down, in place of the transposed one of f
        np.testing.assert_allclose(second, -(e @ top.T) * (1 - np.tanh(logits @ top.T) ** 2), rtol=1e-2, atol=1e-4)


def test_feedback_never_moves_and_keeps_the_shape_below() -> None:
    method, batch = build("fixed_weight_dtp"), pictures(8)
    assert not list(method.auxiliaries.parameters())
    for above, below in [((6, 2, 2), (4, 4, 4)), ((5,), (4, 4, 4)), ((5,), (7,))]:
        ends = [Features("x", shape, "NC" if len(shape) == 1 else "NCHW") for shape in (above, below)]
        assert FILE["RandomFeedback"](*ends)(torch.randn(3, *above)).shape == (3, *below)
    assert len(list(method.losses(batch))) == 3
