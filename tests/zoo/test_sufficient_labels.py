"""Sufficient labels: pairs for the hidden modules, few labels for the classifier, one objective with its twin."""

import numpy as np
import pytest
import torch
from conftest import make_method
from handmade import TASK, build, pictures

from benchmark.engine.pictures.data import Batch
from benchmark.errors import UserError


@pytest.mark.parametrize("few", [1, 10])
@pytest.mark.parametrize("k", [1, 4])
def test_all_blocks_learn_from_pairs_and_the_classifier_from_few_labels(few: int, k: int, digits) -> None:
    method = make_method("sufficient_labels", k, digits, {"labels_per_class": few})
    phases = [(p.trains, p.share, p.labels, p.labels_per_class) for p in method.phases()]
    assert phases == [*(((i,), 1.0, "pairs", None) for i in range(k)), ((k,), 1.0, "full", few)]
    assert len(method.modules[k]) == 1


def test_one_label_per_class_is_what_the_paper_needs() -> None:
    assert build("sufficient_labels").phases()[-1].labels_per_class == 1


def expected_alignment(h: np.ndarray, y: np.ndarray) -> float:
    """cos of the upper triangles, pair by pair, of maps (B, C, 8, 8)."""
    phi = np.maximum(h, 0).reshape(*h.shape[:2], 2, 4, 2, 4).mean((3, 5)).reshape(len(h), -1)
    phi = phi / np.sqrt((phi**2).sum(1, keepdims=True))
    pairs = [(i, j) for i in range(len(y)) for j in range(i + 1, len(y))]
    gram = np.array([phi[i] @ phi[j] for i, j in pairs])
    ideal = np.array([float(y[i] == y[j]) for i, j in pairs])
    return float(gram @ ideal / np.sqrt((gram @ gram) * (ideal @ ideal)))


def test_a_hidden_module_aligns_its_kernel_with_the_pairs_as_modular_kernel_does() -> None:
    method, batch = build("sufficient_labels"), pictures(16)
    h = torch.randn(16, 8, 8, 8, dtype=torch.float64)
    loss = method.proxy_loss(0, h, batch)
    assert loss.item() == pytest.approx(-expected_alignment(h.numpy(), batch.y.numpy()), rel=1e-9)
    assert torch.equal(loss, build("modular_kernel").proxy_loss(0, h, batch))


def test_a_hidden_module_sees_only_which_pictures_share_a_class() -> None:
    method, batch = build("sufficient_labels"), pictures(16)
    h = torch.randn(16, 8, 8, 8)
    renamed = Batch(batch.raw, 3 - batch.y, TASK, batch.x)
    assert torch.equal(method.proxy_loss(0, h, batch), method.proxy_loss(0, h, renamed))
    logits = torch.randn(16, 4)
    assert not torch.equal(method.proxy_loss(2, logits, batch), method.proxy_loss(2, logits, renamed))


@pytest.mark.parametrize("few", [0, 1.5, None])
def test_a_number_of_labels_that_is_none_is_refused(few: object) -> None:
    with pytest.raises(UserError, match="labels_per_class must be a whole number of at least 1"):
        build("sufficient_labels", {"labels_per_class": few}).phases()
