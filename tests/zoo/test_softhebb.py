"""SoftHebb: the gradient of its scalar is minus the rule's update, neuron by neuron and position by position."""

import numpy as np
import torch
from handmade import TASK, build, network, pictures, run
from linear import build_linear, vectors, weights
from torch import nn

from benchmark.engine.training.train import set_phase


def rule(w: np.ndarray, inputs: np.ndarray, t: float) -> np.ndarray:
    """The update of W (out, in) for inputs (positions, in)."""
    delta = np.zeros_like(w)
    for x in inputs:
        u = w @ x
        y = np.exp(t * (u - u.max()))
        y = y / y.sum()
        y = np.where(np.arange(len(u)) == u.argmax(), y, -y)
        delta += y[:, None] * (x - u[:, None] * w)
    return np.sqrt(np.abs(np.linalg.norm(w, axis=1) - 1))[:, None] * delta / np.abs(delta).max()


def test_a_linear_layer_learns_by_the_rule_from_what_enters_it() -> None:
    method, batch = build_linear("softhebb", [6, 5], [5, 7], [7, 4], options={"inverse_temperature": 0.02}), vectors(0)
    for loss in method.losses(batch):
        loss.backward()
    a, b, _ = weights(method)
    x = batch.x.numpy()
    found = [p.grad for p in method.modules.parameters()]
    np.testing.assert_allclose(found[0].numpy(), -rule(a, x, 0.02), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found[1].numpy(), -rule(b, x @ a.T, 0.02), rtol=1e-6, atol=1e-9)
    assert found[2] is None


def test_a_convolution_learns_from_every_position() -> None:
    method, batch = build("softhebb"), pictures(4)
    set_phase(method, method.phases()[0])
    first = next(method.losses(batch))
    first.backward()
    conv = method.modules[0][0]
    patches = nn.functional.unfold(batch.x, 3, padding=1).transpose(1, 2).reshape(-1, 27).double().numpy()
    expected = -rule(conv.weight.detach().double().flatten(1).numpy(), patches, 1.0)
    np.testing.assert_allclose(conv.weight.grad.flatten(1).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_neurons_begin_at_the_papers_length_and_the_classifier_as_drawn() -> None:
    method = build("softhebb")
    for module in method.modules[:2]:
        torch.testing.assert_close(module[0].weight.flatten(1).norm(dim=1), torch.full((8,), 25.0))
    assert method.modules[2][-1].weight.norm() < 5


def test_norms_and_biases_get_no_gradient_and_no_label_is_read() -> None:
    method, batch = build("softhebb"), pictures(16)
    assert method.phases()[0].labels == "none"
    set_phase(method, method.phases()[0])
    for loss in method.losses(batch):
        loss.backward()
    moved = {
        type(part) for part in method.modules.modules() for p in part.parameters(recurse=False) if p.grad is not None
    }
    assert moved == {nn.Conv2d}
    assert all(torch.isfinite(p.grad).all() for p in method.modules.parameters() if p.grad is not None)


def test_the_cut_changes_nothing() -> None:
    """Each layer learns from what enters it in one pass, so the bits of a step do not hang on the modules' ends."""
    left = []
    for joined in (False, True):
        partition = network(k=4)
        if joined:
            *hidden, last = partition.modules
            partition.modules, partition.outputs = nn.ModuleList([nn.Sequential(*hidden), last]), partition.outputs[2:]
        method = type(build("softhebb"))(partition, TASK, None)
        torch.manual_seed(5)
        run(method, 3, pictures(16))
        left.append([*method.modules.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*left, strict=True))
