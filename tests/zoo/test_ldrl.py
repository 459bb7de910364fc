"""L-DRL: feedback's loss is a distance of Jacobians, and where that is zero, modules learn as by backpropagation."""

import numpy as np
import pytest
import torch
from handmade import build
from linear import build_linear, error, vectors, weights

from benchmark.engine.cutting.partition import Features

WIDTHS = [6, 5], [5, 7], [7, 4]
FEEDBACK = type(build("ldrl")).losses.__globals__["Feedback"]


def gradients(method, batch):
    for loss in method.losses(batch):
        loss.backward()
    return [p.grad for p in method.modules.parameters()]


def test_feedback_goes_to_the_transposed_jacobian():
    """Of linear modules the mean gradient is 2 (B - Wᵀ), whatever the noise."""
    batch, method = vectors(seed=1), build_linear("ldrl", *WIDTHS, options={"draws": 20_000, "feedback": 1.0})
    w, b = list(method.modules.parameters())[1].detach(), method.auxiliaries[1].matrix.weight
    method.feedback_loss(1, batch.x[:, :5], batch.x[:, :5] @ w.T).backward()
    torch.testing.assert_close(b.grad, 2 * (b.detach() - w.T), rtol=0, atol=0.05)


def test_with_transposed_feedback_modules_learn_as_by_backpropagation():
    """The gradient matching property; a linear network has it for every β."""
    batch, method = vectors(seed=1), build_linear("ldrl", *WIDTHS)
    for k in (1, 2):
        method.auxiliaries[k].matrix.weight.data = list(method.modules.parameters())[k].data.T.clone()
    for a, b in zip(gradients(method, batch), gradients(build_linear("e2ebp", *WIDTHS), batch), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def test_targets_come_down_through_whatever_the_feedback_is():
    batch, method = vectors(seed=2), build_linear("ldrl", *WIDTHS, options={"beta": 0.3})
    found = gradients(method, batch)
    x, (a, b, c) = batch.x.numpy(), weights(method)
    down, top = (method.auxiliaries[k].matrix.weight.detach().numpy() for k in (1, 2))
    e = error(x @ a.T @ b.T @ c.T, batch.y.numpy())
    expected = (e @ top.T @ down.T).T @ x, (e @ top.T).T @ (x @ a.T), e.T @ (x @ a.T @ b.T)
    for gradient, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient.numpy(), other / len(x), rtol=1e-10, atol=1e-14)


def test_the_noise_moves_feedback_alone_and_leaves_the_statistics():
    method = build("ldrl")
    below, above = torch.randn(4, 8, 8, 8), torch.randn(4, 8, 8, 8)
    before = [b.clone() for b in method.modules.buffers()]
    method.feedback_loss(1, below, above).backward()
    assert all(torch.equal(a, b) for a, b in zip(before, method.modules.buffers(), strict=True))
    assert all(p.grad is None for p in method.modules.parameters())
    assert all((p.grad is not None) == name.startswith("1.") for name, p in method.auxiliaries.named_parameters())


@pytest.mark.parametrize(("above", "below"), [((6, 2, 2), (4, 4, 4)), ((5,), (4, 4, 4)), ((5,), (7,))])
def test_feedback_has_the_shape_below(above, below):
    ends = [Features("x", shape, "NC" if len(shape) == 1 else "NCHW") for shape in (above, below)]
    assert FEEDBACK(*ends)(torch.randn(3, *above)).shape == (3, *below)
