"""Soft labels: mixed pictures and what cross-entropy makes of them; all else is refused."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import make_method, small_suite

from benchmark.engine.pictures.data import Pictures
from benchmark.engine.pictures.loader import MemoryLoader
from benchmark.engine.training.train import set_phase, train_step
from benchmark.errors import UserError
from benchmark.running.packed import _pack_batch, _unpack_batch

RECIPE = small_suite().recipe


def loader(digits, views=1, **asked):
    draw = torch.Generator().manual_seed(0)
    side = digits.image_size
    pictures = Pictures(
        torch.randint(256, (48, digits.channels, side, side), dtype=torch.uint8, generator=draw),
        torch.arange(48) % 10,
    )
    plain = MemoryLoader(pictures, digits, 16, seed=3, train=True, views=views)
    return plain, plain.following(RECIPE.changed(asked))


@pytest.mark.parametrize("asked", [{"mixup": 1.0}, {"cutmix": 1.0}, {"mixup": 1.0, "cutmix": 1.0}])
def test_pictures_and_labels_are_mixed_in_one_share_with_the_neighbour(digits, asked):
    plain, mixed = loader(digits, views=2, **asked)
    shares = set()
    for before, after in zip(plain.epoch(1), mixed.epoch(1), strict=True):
        hard = F.one_hot(before.y, 10).float()
        own = after.y.weights[hard.bool()]
        other = before.y != before.y.roll(1)
        share = own[other][0].item()
        shares.add(share)
        assert torch.allclose(after.y.weights, share * hard + (1 - share) * hard.roll(1, 0), atol=1e-6)
        for a, b in ((after, before), (after.view, before.view)):
            neighbour, shown = b.raw.roll(1, 0).float(), a.raw.float()
            blended = (share * b.raw.float() + (1 - share) * neighbour - shown).abs().max() <= 0.5
            cut = ((shown == b.raw) | (shown == neighbour)).all()
            assert blended or cut
            assert torch.equal(a.x, mixed.normalise(a.raw))
    assert len(shares) == 3  # a draw a batch
    assert all(torch.equal(a.raw, b.raw) for a, b in zip(mixed.epoch(1), mixed.epoch(1), strict=True))


def test_label_smoothing_is_that_of_torch_and_leaves_the_pictures(digits):
    plain, smoothed = loader(digits, label_smoothing=0.1)
    before, after = next(plain.epoch(0)), next(smoothed.epoch(0))
    assert torch.equal(after.raw, before.raw)
    logits = torch.randn(16, 10, generator=torch.Generator().manual_seed(0))
    expected = F.cross_entropy(logits, before.y, label_smoothing=0.1)
    assert torch.allclose(F.cross_entropy(logits, after.y), expected)
    again = _unpack_batch(_pack_batch(after), after.task, torch.device("cpu"))
    assert torch.equal(again.y.weights, after.y.weights)


def test_a_local_loss_of_soft_labels_is_the_mean_over_classes(digits):
    """Cross-entropy is linear in the labels: of a mixture it is the mixture of those of whole classes."""
    _, mixed = loader(digits, mixup=1.0)
    batch = next(mixed.epoch(0))
    method = make_method("dgl", 2, digits)
    method.modules.eval(), method.auxiliaries.eval()
    losses = torch.stack(train_step(method, batch, {}))
    expected = torch.zeros(2)
    for number in range(10):
        hard = type(batch)(batch.raw, torch.full((16,), number), batch.task, batch.x)
        for k, h in enumerate(_outputs(method, batch.x)):
            each = F.cross_entropy(h, hard.y, reduction="none")
            expected[k] += (batch.y.weights[:, number] * each).mean().detach()
    assert np.allclose(losses, expected, atol=1e-5)


def _outputs(method, x):
    first = method.modules[0](x)
    return method.auxiliaries[0](first), method.modules[1](first)


@pytest.mark.parametrize("name", ["dfa", "predsim", "hsic_bottleneck", "modular_kernel", "boostresnet"])
def test_what_is_no_cross_entropy_is_refused(digits, name):
    _, mixed = loader(digits, mixup=1.0)
    method = make_method(name, 2, digits)
    set_phase(method, method.phases()[0])
    with pytest.raises(UserError, match="for losses that are cross-entropies"):
        train_step(method, next(mixed.epoch(0)), {})
