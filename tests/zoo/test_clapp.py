"""CLAPP: hinge losses of patches by loops, the coin of each picture, and patches that know no other picture."""

import numpy as np
import pytest
import torch
from handmade import build, pictures

from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.training.train import set_phase
from benchmark.errors import UserError

FILE = type(build("clapp")).losses.__globals__


def test_a_picture_counts_in_one_of_the_means() -> None:
    draw = np.random.default_rng(0)
    right, wrong = draw.normal(size=(5, 2, 3)), draw.normal(size=(5, 2, 3))
    for same in ([True, False, True, True, False], [True] * 5, [False] * 5):
        pull = [np.maximum(0, 1 - right[i]).mean() for i in range(5) if same[i]]
        push = [np.maximum(0, 1 + wrong[i]).mean() for i in range(5) if not same[i]]
        expected = sum(np.mean(part) for part in (pull, push) if part)
        found = FILE["hinge"](*map(torch.from_numpy, (right, wrong)), torch.tensor(same))
        assert found.item() == pytest.approx(expected, rel=1e-12)


def test_a_loss_compares_rows_with_those_below_in_the_same_column() -> None:
    method, batch = build("clapp"), pictures(4)
    torch.manual_seed(0)
    h = torch.randn(4 * 9, 8, 2, 2)
    torch.manual_seed(5)
    loss = method.local_loss(0, h, batch).item()
    torch.manual_seed(5)
    same, shift = torch.rand(4) < 0.5, torch.randint(1, 4, (1,)).item()
    z = h.mean((2, 3)).double().numpy()
    z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-5)
    z, values = z.reshape(4, 3, 3, 8), []
    for s in (1, 2):
        w = method.auxiliaries[0][s - 1].weight.detach().double().numpy()
        means = {True: [], False: []}
        for i in range(4):
            j = i if same[i] else (i + shift) % 4
            scores = [z[i, r, c] @ w @ z[j, r + s, c] / np.sqrt(8) for r in range(3 - s) for c in range(3)]
            means[bool(same[i])].append(np.mean([max(0, 1 - x if same[i] else 1 + x) for x in scores]))
        values.append(sum(np.mean(part) for part in means.values() if part))
    assert loss == pytest.approx(np.mean(values), rel=1e-4)


def test_no_loss_reaches_another_module_and_the_classifier_sees_whole_pictures() -> None:
    method, batch = build("clapp"), pictures(16)
    hidden, readout = method.phases()
    assert (hidden.trains, hidden.labels, readout.trains) == ((0, 1), "none", (2,))
    set_phase(method, hidden)
    assert moved_modules(method, batch) == [(0,), (1,)]
    seen = []
    method.modules[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    list(method.losses(batch))
    set_phase(method, readout)
    list(method.losses(batch))
    assert seen == [(16 * 9, 3, 4, 4), (16, 3, 8, 8)]


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="rows of patches"):
        build("clapp", {"grid": 8})
