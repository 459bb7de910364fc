"""Direct random target projection: gradients against their closed form, and what its fixed matrices are."""

import numpy as np
import torch
from handmade import TASK, build, pictures, run
from linear import build_linear, error, vectors, weights

from benchmark.engine.isolation import moved_modules


def test_gradients_are_the_label_through_the_fixed_matrix():
    method, batch = build_linear("drtp", [6, 5], [5, 7, 3], [3, 4]), vectors(seed=1)
    for loss in method.losses(batch):
        loss.backward()
    a, c, d, e = weights(method)
    x, y = batch.x.numpy(), batch.y.numpy()
    h = x @ a.T
    onehot = np.eye(TASK.classes)[y] / len(y)
    first, second = (method.auxiliaries[k].columns.numpy() for k in range(2))
    expected = [
        (onehot @ first).T @ x,
        (onehot @ second @ d).T @ h,
        (onehot @ second).T @ (h @ c.T),
        (error(h @ c.T @ d.T @ e.T, y) / len(y)).T @ (h @ c.T @ d.T),
    ]
    for weight, gradient in zip(method.modules.parameters(), expected, strict=True):
        np.testing.assert_allclose(weight.grad.numpy(), gradient, rtol=1e-12, atol=1e-15)


def test_the_matrices_are_no_parameters_and_stay():
    method = build("drtp")
    before = [b.clone() for b in method.auxiliaries.buffers()]
    run(method, 3, pictures())
    assert len(before) == 2
    assert all(map(torch.equal, before, method.auxiliaries.buffers()))
    assert not list(method.auxiliaries.parameters())


def test_a_module_needs_no_module_above_it():
    method, batch = build("drtp"), pictures(8)
    for k in range(1, len(method.modules)):
        method.modules[k] = torch.nn.Flatten(start_dim=99)  # raises if it runs
    next(iter(method.losses(batch))).backward()
    assert all(p.grad is not None for p in method.modules[0].parameters())


def test_each_loss_moves_its_own_module_only():
    assert moved_modules(build("drtp", k=4), pictures(8)) == [(0,), (1,), (2,), (3,)]
