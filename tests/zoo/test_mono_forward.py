"""Mono-Forward: cross-entropy of a flat linear map, in numpy, and what a map that is too large is pooled to."""

import numpy as np
import pytest
import torch
from handmade import build, pictures
from linear import build_linear, error, vectors, weights


def test_each_module_descends_its_own_cross_entropy() -> None:
    method, batch = build_linear("mono_forward", [6, 5], [5, 7], [7, 4]), vectors(seed=0)
    x, y = batch.x.numpy(), batch.y.numpy()
    a, b, c = weights(method)
    m, n = (method.auxiliaries[k].project.weight.detach().numpy() for k in (0, 1))
    for loss in method.losses(batch):
        loss.backward()
    h, top = x @ a.T, x @ a.T @ b.T
    of_h, of_top, out = (error(logits, y) / len(y) for logits in (h @ m.T, top @ n.T, top @ c.T))
    expected = (of_h @ m).T @ x, (of_top @ n).T @ h, out.T @ top
    for parameter, gradient in zip(method.modules.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(method.auxiliaries[1].project.weight.grad.numpy(), of_top.T @ top, atol=1e-14)


@pytest.mark.parametrize(("limit", "rows", "columns"), [(4096, 8, 8), (512, 8, 8), (300, 4, 8), (8, 1, 1)])
def test_goodness_sees_every_position_up_to_the_limit(limit: int, rows: int, columns: int) -> None:
    method = build("mono_forward", {"limit": limit})
    h = method.modules[0](pictures(4).x).detach()
    flat = h.reshape(4, 8, rows, 8 // rows, columns, 8 // columns).mean((3, 5)).reshape(4, -1)
    project = method.auxiliaries[0].project
    assert project.bias is None
    torch.testing.assert_close(method.auxiliaries[0](h), flat @ project.weight.T)
