"""Direct feedback alignment: gradients against their closed form, and what its fixed matrices are."""

from math import prod

import numpy as np
import pytest
import torch
from handmade import TASK, build, pictures, run
from linear import build_linear, error, plain_sgd, vectors, weights

from benchmark.engine.cutting.partition import Features
from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.objectives import feedback
from benchmark.engine.training.train import train_step

FEEDBACK = feedback.RandomFeedback


def test_gradients_are_the_error_through_the_fixed_matrix():
    method, batch = build_linear("dfa", [6, 5], [5, 7, 3], [3, 4]), vectors(seed=1)
    for loss in method.losses(batch):
        loss.backward()
    a, c, d, e = weights(method)
    x = batch.x.numpy()
    h = x @ a.T
    wrong = error(h @ c.T @ d.T @ e.T, batch.y.numpy()) / len(batch)
    first, second = (method.auxiliaries[k].map.numpy()[:, :, 0, 0] for k in range(2))
    expected = [
        (wrong @ first).T @ x,
        (wrong @ second @ d).T @ h,
        (wrong @ second).T @ (h @ c.T),
        wrong.T @ (h @ c.T @ d.T),
    ]
    for weight, gradient in zip(method.modules.parameters(), expected, strict=True):
        np.testing.assert_allclose(weight.grad.numpy(), gradient, rtol=1e-12, atol=1e-15)


def test_the_matrices_are_no_parameters_and_stay():
    method = build("dfa")
    before = [b.clone() for b in method.auxiliaries.buffers()]
    run(method, 3, pictures())
    assert len(before) == 4
    assert all(map(torch.equal, before, method.auxiliaries.buffers()))
    assert not list(method.auxiliaries.parameters())


def test_each_loss_moves_its_own_module_only():
    assert moved_modules(build("dfa", k=4), pictures(8)) == [(3,), (2,), (1,), (0,)]


def test_feedback_and_gradient_align_in_training():
    method, batch = build_linear("dfa", [6, 20], [20, 4]), vectors(seed=2, count=64)
    batch.y.copy_(batch.x[:, :4].argmax(1))
    optimizers = plain_sgd(method)
    fixed = method.auxiliaries[0].map.numpy()[:, :, 0, 0]

    def cosine() -> float:
        a, w = weights(method)
        wrong = error(batch.x.numpy() @ a.T @ w.T, batch.y.numpy())
        fed, true = wrong @ fixed, wrong @ w
        return float((fed * true).sum() / np.linalg.norm(fed) / np.linalg.norm(true))

    before = cosine()
    for _ in range(300):
        train_step(method, batch, optimizers)
    assert cosine() > max(0.4, before + 0.2)


@pytest.mark.parametrize(
    "features",
    [
        Features("x", (6, 16, 24), "NCHW"),
        Features("x", (16, 16, 6), "NHWC"),
        Features("x", (2 + 144, 6), "NLC", 2),
        Features("x", (300,), "NC"),
    ],
)
def test_feedback_keeps_the_length_of_the_error_in_every_layout(features):
    torch.manual_seed(0)
    feedback = FEEDBACK(features, TASK.classes)
    wrong = torch.randn(200, TASK.classes)
    delta = feedback(wrong)
    assert delta.shape == (200, *features.shape)
    assert (delta.flatten(1).norm(dim=1) / wrong.norm(dim=1)).mean().item() == pytest.approx(1, abs=0.15)
    assert feedback.map.numel() <= TASK.classes * features.channels * 64
    assert feedback.prefix.numel() == TASK.classes * features.prefix_tokens * features.channels


def test_a_large_maps_matrix_is_repeated_to_the_nearest_positions():
    features = Features("x", (6, 16, 24), "NCHW")
    delta = FEEDBACK(features, TASK.classes)(torch.randn(3, TASK.classes))
    assert prod(delta.shape[2:]) == 16 * 24
    assert torch.equal(delta, delta[:, :, ::2, ::3].repeat_interleave(2, 2).repeat_interleave(3, 3))


def test_tokens_enter_behind_a_norm_and_maps_do_not():
    method = build("dfa")
    h = 5 + 3 * torch.randn(4, 9, 8)
    assert method.bounded(0, h) is h
    method.outputs = (Features("x", (9, 8), "NLC"), *method.outputs[1:])
    h = method.bounded(0, h)
    torch.testing.assert_close(h.mean(2), torch.zeros(4, 9), atol=1e-5, rtol=0)
    torch.testing.assert_close(h.square().mean(2), torch.ones(4, 9), atol=1e-4, rtol=0)
