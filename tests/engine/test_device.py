"""Steps of training on another device than the CPU, on a machine that has none."""

from contextlib import nullcontext

import pytest
import torch
from conftest import make_method
from training import RECIPE

from benchmark.engine.measuring.company import fresh_copy
from benchmark.engine.measuring.cost import blank_batch
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.train import build_optimizers, set_phase, train_step

META = torch.device("meta")


def on_meta(batch: Batch) -> Batch:
    view = on_meta(batch.view) if batch.view else None
    return Batch(batch.raw.to(META), batch.y.to(META), batch.task, batch.x.to(META), view)


@pytest.mark.parametrize("name", ["infopro", "target_propagation", "layerwise_hsic", "ddg"])
def test_a_step_reads_no_number_and_stays_on_its_device(name, digits, monkeypatch):
    """The device `meta` holds no numbers, and mixes with no other: to read one, or to make one elsewhere, fails."""
    enabled, autocast = torch.is_autocast_enabled, torch.autocast  # which do not know it
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device="cpu": device != "meta" and enabled(device))
    monkeypatch.setattr(torch, "autocast", lambda d, *a, **k: nullcontext() if d == "meta" else autocast(d, *a, **k))
    method = make_method(name, 3, digits)
    for part in (method.modules, method.auxiliaries):
        part.to(META)
    batch = on_meta(blank_batch(digits.task, 8, method.views))
    for phase in method.phases():
        set_phase(method, phase)
        optimizers = build_optimizers(method, RECIPE.changed({"clip_norm": 1.0}), phase)
        for _ in range(method.lag + 2):
            losses = train_step(method, batch, optimizers)
        assert {loss.device for loss in losses} == {META}


def test_a_fresh_copy_lies_where_the_trained_network_does(digits):
    """Also where an auxiliary network has buffers alone, as forward-forward's labels."""
    trained = make_method("forward_forward", 3, digits)
    for part in (trained.modules, trained.auxiliaries):
        part.to(META)
    copy = fresh_copy(lambda: make_method("forward_forward", 3, digits), trained)
    tensors = [*copy.modules.state_dict().values(), *copy.auxiliaries.state_dict().values()]
    assert {tensor.device for tensor in tensors} == {META}
