"""Signal propagation: its losses and updates in numpy; pictures and signals go up side by side."""

import numpy as np
import pytest
import torch
from handmade import build, pictures
from linear import build_linear, error, vectors, weights

from benchmark.engine.cutting.partition import Features


def test_modules_learn_from_where_pictures_and_signals_meet() -> None:
    method, batch = build_linear("sigprop", [6, 5], [5, 7], [7, 4]), vectors(seed=0)
    for loss in method.losses(batch):
        loss.backward()
    x, y = batch.x.numpy(), batch.y.numpy()
    a, b, c = weights(method)
    linear = method.auxiliaries[0].linear
    t = linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    h = x @ a.T
    first = error(h @ t.T, y) / len(y)
    h2, t2 = h @ b.T, t @ b.T
    second = error(h2 @ t2.T, y) / len(y)
    expected = (first @ t).T @ x, (second @ t2).T @ h + (second.T @ h2).T @ t, (error(h2 @ c.T, y) / len(y)).T @ h2
    for parameter, gradient in zip(method.modules.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(linear.weight.grad.numpy(), (first.T @ h).T, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("shape", "layout"), [((3, 4, 5), "NCHW"), ((4, 5, 3), "NHWC"), ((20, 3), "NLC"), ((3,), "NC")]
)
def test_a_match_is_the_mean_of_products_over_positions(shape: tuple[int, ...], layout: str) -> None:
    features = Features("x", shape, layout)
    h, t = (torch.randn(n, *shape, dtype=torch.float64) for n in (6, 2))
    found = type(build("sigprop")).losses.__globals__["matches"](features, h, t)
    maps = [features.as_map(v).flatten(2).numpy() for v in (h, t)]
    expected = [[np.mean([a[:, p] @ b[:, p] for p in range(a.shape[1])]) for b in maps[1]] for a in maps[0]]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_one_module_has_no_signals() -> None:
    method, batch = build("sigprop", k=1), pictures(8)
    assert not list(method.auxiliaries.parameters())
    assert len(list(method.losses(batch))) == 1
