"""Supervised contrastive learning: one encoder, from pairs alone, with the losses that its docstring states."""

import math

import pytest
import torch
from handmade import TASK, build, pictures

from benchmark import READOUT_SHARE
from benchmark.engine.pictures.data import Batch
from benchmark.errors import UserError


def test_the_encoder_learns_at_once_from_pairs_and_then_the_classifier_from_labels():
    few = build("supervised_contrastive", {"pictures_per_class": 3})
    assert [(p.trains, p.labels, p.labels_per_class) for p in few.phases()] == [
        ((0, 1), "pairs", 3),
        ((2,), "full", None),
    ]
    with pytest.raises(UserError, match="at least 2, or null, not 1"):
        build("supervised_contrastive", {"pictures_per_class": 1}).phases()
    assert few.phases()[-1].share == READOUT_SHARE, "the file has a number of its own, as its rows are its rivals'"


def test_its_loss_is_that_of_the_paper_picture_by_picture():
    method, batch = build("supervised_contrastive"), pictures(12)
    h = method.encoded(batch.x).detach()
    z = torch.nn.functional.normalize(method.auxiliaries[1](h), dim=1).tolist()
    likeness = [[sum(a * b for a, b in zip(p, q, strict=True)) / 0.1 for q in z] for p in z]
    total = 0.0
    for i, of in enumerate(batch.y.tolist()):
        others = [j for j in range(12) if j != i]
        same = [j for j in others if batch.y[j] == of]
        if same:
            spread = math.log(sum(math.exp(likeness[i][j]) for j in others))
            total += spread - sum(likeness[i][j] for j in same) / len(same)
    assert method.pair_loss(h, batch).item() == pytest.approx(total / 12, rel=1e-5)


@pytest.mark.parametrize("objective", ["contrastive", "alignment"])
def test_the_encoder_sees_only_which_pictures_share_a_class(objective):
    method, batch = build("supervised_contrastive", {"objective": objective}), pictures(16)
    h = method.encoded(batch.x)
    renamed = Batch(batch.raw, TASK.classes - 1 - batch.y, TASK, batch.x)
    assert torch.equal(method.pair_loss(h, batch), method.pair_loss(h, renamed))


def test_alignment_is_the_objective_of_sufficient_labels():
    method, batch = build("supervised_contrastive", {"objective": "alignment"}), pictures(16)
    h, other = method.encoded(batch.x), build("sufficient_labels")
    assert torch.equal(method.pair_loss(h, batch), other.proxy_loss(1, h, batch))
