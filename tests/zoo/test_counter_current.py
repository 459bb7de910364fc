"""Counter-current learning: where the two networks meet, by loops; and no error from layer to layer in either."""

import numpy as np
import pytest
import torch
from handmade import TASK, build, pictures

from benchmark.engine.objectives import perturbation

FILE = type(build("counter_current")).losses.__globals__


def test_the_meeting_is_the_equation() -> None:
    draw = np.random.default_rng(0)
    a, c, y = draw.normal(size=(5, 2, 3)), draw.normal(size=(4, 2, 3)), np.array([3, 0, 1, 1, 2])
    rows = [[v.ravel() / np.linalg.norm(v) for v in part] for part in (a, c)]
    meet = np.mean([(p @ q - (y[i] == j)) ** 2 for i, p in enumerate(rows[0]) for j, q in enumerate(rows[1])])
    apart = [np.mean([(p @ q - (i == j)) ** 2 for i, p in enumerate(r) for j, q in enumerate(r)]) for r in rows]
    found = FILE["meeting"](torch.from_numpy(a), torch.from_numpy(c), torch.from_numpy(y), 0.3)
    assert found.item() == pytest.approx(meet + 0.3 * sum(apart), rel=1e-6)


def test_each_loss_moves_one_module_and_the_feedback_that_comes_to_it() -> None:
    method = build("counter_current", {"weight": 3.0}, k=4)
    for k, loss in enumerate(method.losses(pictures(16))):
        loss.backward()
        for j in range(4):
            own = [*method.modules[j].parameters(), *method.auxiliaries[j].parameters()]
            assert all((p.grad is not None) == (j == k) for p in own), (k, j)
            method.modules[j].zero_grad(), method.auxiliaries[j].zero_grad()


def test_feedback_comes_down_from_the_labels_alone() -> None:
    method = build("counter_current")
    codes = method.codes(pictures(2).x)
    top = method.auxiliaries[1].conv(torch.eye(TASK.classes)[:, :, None, None].expand(-1, -1, 8, 8))
    torch.testing.assert_close(codes[0], torch.nn.functional.elu(top))
    torch.testing.assert_close(codes[1], torch.nn.functional.elu(method.auxiliaries[0].conv(codes[0])))


def test_losses_are_weighed_meetings_and_the_classifiers_cross_entropy() -> None:
    method, batch = build("counter_current", {"weight": 3.0, "spread": 0.3}), pictures(16)
    with perturbation.without_dropout(method.modules):
        *found, last = method.losses(batch)
        *maps, logits = method.chain(batch.x)
    codes = method.codes(batch.x)[::-1]
    for loss, h, code in zip(found, maps, codes, strict=True):
        torch.testing.assert_close(loss, 3 * FILE["meeting"](h, code, batch.y, 0.3))
    torch.testing.assert_close(last, torch.nn.functional.cross_entropy(logits, batch.y))
