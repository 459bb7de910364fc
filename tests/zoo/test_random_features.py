"""Random features: hidden weights stay to the bit, and the classifier is logistic regression on their output."""

import numpy as np
import pytest
import torch
from conftest import make_method
from handmade import RECIPE, build, pictures

from benchmark.engine.measuring.isolation import leaks
from benchmark.engine.training.train import build_optimizers, set_phase, train_step


@pytest.mark.parametrize("k", [1, 4])
def test_only_the_classifier_moves_and_statistics_follow_the_pictures(k, digits, loader):
    method = make_method("random_features", k, digits)
    weights = {name for name, _ in method.modules.named_parameters()}
    before = {name: value.clone() for name, value in method.modules.state_dict().items()}
    (phase,) = method.phases()
    set_phase(method, phase)
    optimizers = build_optimizers(method, RECIPE, phase)
    assert list(optimizers) == [k]
    for batch in loader.epoch(0):
        train_step(method, batch, optimizers)
    after = method.modules.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved & weights == {name for name in weights if ".fc." in name}
    assert {name for name in after if "running" in name} <= moved
    assert leaks(method, next(loader.epoch(0))) == []


def test_the_loss_is_the_cross_entropy_of_a_linear_layer_on_random_features():
    method, batch = build("random_features"), pictures()
    set_phase(method, method.phases()[0])
    torch.manual_seed(0)
    features = method.modules[1](method.modules[0](batch.x))
    assert not features.requires_grad
    pooled = features.reshape(len(batch), 8, 2, 4, 2, 4).mean((3, 5)).flatten(1).double().numpy()
    linear = method.modules[2][-1]
    scores = pooled @ linear.weight.detach().double().numpy().T + linear.bias.detach().double().numpy()
    y = batch.y.numpy()
    expected = np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(y)), y])
    torch.manual_seed(0)
    (loss,) = method.losses(batch)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
