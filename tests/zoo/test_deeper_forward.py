"""DeeperForward: goodness and the norm that hides it against group norm, and a class with channels of its own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handmade import TASK, build, network, pictures

from benchmark.engine.cutting.partition import Features
from benchmark.engine.training.train import set_phase
from benchmark.errors import UserError

FILE = type(build("deeper_forward")).predict.__globals__


def test_where_classes_divide_channels_it_is_a_group_norm_and_a_mean() -> None:
    features, h = Features("x", (8, 3, 5), "NCHW"), torch.randn(6, 8, 3, 5)
    torch.testing.assert_close(FILE["goodness"](features, h, 4), F.relu(h).reshape(6, 4, -1).mean(2))
    torch.testing.assert_close(FILE["ungraded"](features, h, 4), F.group_norm(F.relu(h), 4))


@pytest.mark.parametrize(
    ("shape", "layout"), [((7, 3, 5), "NCHW"), ((3, 5, 7), "NHWC"), ((15, 7), "NLC"), ((7,), "NC")]
)
def test_unequal_shares_of_channels_in_any_layout(shape: tuple[int, ...], layout: str) -> None:
    features, h = Features("x", shape, layout), torch.randn(4, *shape)
    maps = F.relu(features.as_map(h)).numpy()
    parts = [maps[:, :3], maps[:, 3:5], maps[:, 5:]]
    expected = np.stack([part.mean((1, 2, 3)) for part in parts], 1)
    np.testing.assert_allclose(FILE["goodness"](features, h, 3).numpy(), expected, rtol=1e-5)
    normal = features.as_map(FILE["ungraded"](features, h, 3)).numpy()
    wanted = [(p - p.mean((1, 2, 3), keepdims=True)) / np.sqrt(p.var((1, 2, 3), keepdims=True) + 1e-5) for p in parts]
    np.testing.assert_allclose(normal, np.concatenate(wanted, 1), rtol=1e-3, atol=1e-3)


def test_goodness_is_summed_over_modules_and_learned_by_cross_entropy() -> None:
    method, batch = build("deeper_forward", {"sharpness": 5.0}), pictures(16)
    (phase,) = method.phases()
    set_phase(method, phase)
    for part in method.modules.modules():
        if isinstance(part, torch.nn.Dropout2d):
            part.p = 0.0
    first = method.modules[0](F.layer_norm(batch.x, batch.x.shape[1:]))
    second = method.modules[1](F.group_norm(first, 4))
    goodness = [h.reshape(16, 4, -1).mean(2) for h in (first, second)]
    found = list(method.losses(batch))
    for loss, g in zip(found, goodness, strict=True):
        torch.testing.assert_close(loss, F.cross_entropy(5 * g, batch.y))
    torch.testing.assert_close(method.predict(batch.x), sum(goodness))


def test_too_few_channels_are_refused() -> None:
    partition = network()
    partition.outputs = (Features("narrow", (TASK.classes - 1, 8, 8), "NCHW"), *partition.outputs[1:])
    with pytest.raises(UserError, match="narrow has 3 for 4 classes"):
        type(build("deeper_forward"))(partition, TASK, None)
