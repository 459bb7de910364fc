"""Linear networks in float64, and the delayed updates of features replay and DDG on one, in numpy."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import torch
from handmade import METHODS, TASK
from torch import nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import set_phase, train_step
from benchmark.schema.plugins import load_class

LR = 0.3


def build_linear(name: str, *widths: list[int], options: dict | None = None) -> Method:
    """A method on linear layers without biases: each module is given by its widths, input first."""
    torch.manual_seed(0)
    rows = [[nn.Linear(a, b, bias=False) for a, b in pairwise(w)] for w in widths]
    outputs = tuple(Features(f"m{k}", (w[-1],), "NC") for k, w in enumerate(widths))
    modules = nn.ModuleList(nn.Sequential(*row) for row in rows)
    partition = SimpleNamespace(modules=modules, outputs=outputs, unit_outputs=())
    method = load_class(METHODS / f"{name}.py", Method)(partition, TASK, options)
    method.modules.double()
    method.auxiliaries.double()
    set_phase(method, method.phases()[0])
    return method


def perceptron(name: str, options: dict | None = None) -> Method:
    """6 -> 5 -> 7 -> 4 in three modules, with ReLUs that work in place at the ends of the first two."""
    torch.manual_seed(0)
    widths = [(6, 5), (5, 7), (7, 4)]
    modules = nn.ModuleList(nn.Sequential(nn.Linear(a, b, bias=False), nn.ReLU(inplace=True)) for a, b in widths)
    del modules[2][1]
    outputs = tuple(Features(f"m{k}", (b,), "NC") for k, (_, b) in enumerate(widths))
    partition = SimpleNamespace(modules=modules, outputs=outputs, unit_outputs=())
    method = load_class(METHODS / f"{name}.py", Method)(partition, TASK, options)
    method.modules.double()
    return method


def vectors(seed: int, count: int = 5, width: int = 6) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    y = torch.randint(0, TASK.classes, (count,), generator=draw)
    x = torch.randn(count, width, generator=draw, dtype=torch.float64)
    return Batch(torch.zeros(count, 1, dtype=torch.uint8), y, TASK, x)


def weights(method: Method) -> list[np.ndarray]:
    return [p.detach().numpy().copy() for p in method.modules.parameters()]


def error(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """softmax - onehot, by row."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True) - np.eye(logits.shape[1])[y]


def plain_sgd(method: Method) -> dict:
    return {k: torch.optim.SGD(module.parameters(), LR) for k, module in enumerate(method.modules)}


def check_delayed_updates(name: str, old_weights: bool, steps: int = 6) -> None:
    """Train x -> A -> [C, D] -> E -> logits in three modules, and compare all weights after every step."""
    method = build_linear(name, [6, 5], [5, 7, 3], [3, 4])
    optimizers = plain_sgd(method)
    a, c, d, e = weights(method)
    seen, above, middle = [], None, None  # (x, h, C, D) of each step; delta of module 1's output, of module 0's
    for t in range(steps):
        batch = vectors(seed=t)
        x, y = batch.x.numpy(), batch.y.numpy()
        h = x @ a.T
        top = h @ c.T @ d.T
        delta = error(top @ e.T, y) / len(y)
        seen.append((x, h, c.copy(), d.copy()))
        new_a, new_c, new_d, new_e = a, c, d, e - LR * delta.T @ top
        new_above, new_middle = delta @ e, None
        if above is not None:
            _, old_h, old_c, old_d = seen[t - 1]
            used_c, used_d = (old_c, old_d) if old_weights else (c, d)
            inside = above @ used_d
            new_c, new_d = c - LR * inside.T @ old_h, d - LR * above.T @ (old_h @ used_c.T)
            new_middle = inside @ used_c
        if middle is not None:
            new_a = a - LR * middle.T @ seen[t - 2][0]
        a, c, d, e, above, middle = new_a, new_c, new_d, new_e, new_above, new_middle
        train_step(method, batch, optimizers)
        for got, expected in zip(weights(method), (a, c, d, e), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
