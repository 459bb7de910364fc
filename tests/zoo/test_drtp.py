"""Direct random target projection: gradients in closed form, of the label alone."""

import numpy as np
from handmade import TASK
from linear import build_linear, vectors, weights


def test_hidden_gradients_are_the_label_through_the_fixed_matrix():
    method, batch = build_linear("drtp", [6, 5], [5, 4]), vectors(seed=1)
    hidden, _ = method.losses(batch)
    hidden.backward()
    a, _ = weights(method)
    x, h = batch.x.numpy(), batch.x.numpy() @ a.T
    mean, scale = h.mean(1, keepdims=True), np.sqrt(h.var(1, keepdims=True) + 1e-5)
    n = (h - mean) / scale
    target = np.eye(TASK.classes)[batch.y.numpy()] - 1 / TASK.classes
    t = target @ method.auxiliaries[0].map.numpy()[:, :, 0, 0]
    delta = (t - t.mean(1, keepdims=True) - n * (t * n).mean(1, keepdims=True)) / scale
    gradient = method.modules[0][0].weight.grad.numpy()
    np.testing.assert_allclose(gradient, delta.T @ x / len(x), rtol=1e-10, atol=1e-14)


def test_what_is_above_and_how_right_it_is_changes_nothing_below():
    found = []
    for factor in (1.0, 100.0):
        method, batch = build_linear("drtp", [6, 5], [5, 4]), vectors(seed=1)
        method.modules[1][0].weight.data.mul_(factor)
        next(iter(method.losses(batch))).backward()
        found.append(method.modules[0][0].weight.grad.numpy())
    np.testing.assert_array_equal(*found)
