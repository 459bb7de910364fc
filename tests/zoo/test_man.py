"""MAN: the moving average, what the gradient sees of it, and InfoPro's weights."""

import pytest
import torch
import torch.nn.functional as F
from conftest import make_method
from handmade import RECIPE, build, pictures, run
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.objectives.infopro_objective import InfoProObjective
from benchmark.engine.pictures.data import Task
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError


def state(unit: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in unit.state_dict().items()}


def first_units(method: Method, steps: int, batches: list) -> list[dict[str, Tensor]]:
    """State of module 1's first unit before training and after each of ``steps`` steps."""
    (phase,) = method.phases()
    set_phase(method, phase)
    optimizers = build_optimizers(method, RECIPE, phase)
    states = [state(method.modules[1][0])]
    for batch in batches[:steps]:
        train_step(method, batch, optimizers)
        states.append(state(method.modules[1][0]))
    return states


def test_the_average_starts_at_the_next_unit_and_is_no_parameter(digits) -> None:
    method = make_method("man", 3, digits)
    average, unit = method.auxiliaries[0].average, method.modules[1][0]
    assert all(torch.equal(average.state_dict()[name], value) for name, value in unit.state_dict().items())
    assert not list(average.parameters())
    storages = {value.data_ptr() for value in average.state_dict().values()}
    assert not storages & {value.data_ptr() for value in unit.state_dict().values()}


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test_three_steps_of_the_moving_average(digits, loader, momentum: float) -> None:
    method = make_method("man", 3, digits, {"momentum": momentum})
    method.modules.double(), method.auxiliaries.double()
    batches = list(loader.epoch(0))
    for batch in batches:
        batch.x = batch.x.double()
    before, *after = first_units(method, 3, batches)
    m = momentum
    for name, average in method.auxiliaries[0].average.state_dict().items():
        if "running" in name or "batches" in name:
            expected = after[2][name]
        else:
            expected = m**3 * before[name] + (1 - m) * (m**2 * after[0][name] + m * after[1][name] + after[2][name])
            assert not torch.equal(before[name], after[2][name])
        torch.testing.assert_close(average, expected, rtol=1e-12, atol=1e-12)


def test_without_momentum_a_module_is_judged_on_what_the_next_unit_will_make_of_it(digits, loader) -> None:
    method = make_method("man", 3, digits, {"momentum": 0.0})
    batch, *others = list(loader.epoch(0))
    first_units(method, 3, others)
    h = method.modules[0](batch.x)
    auxiliary = method.auxiliaries[0]
    logits = auxiliary.objective.head(method.modules[1][0](h) + auxiliary.bias)
    torch.testing.assert_close(method.local_loss(0, h, batch), F.cross_entropy(logits, batch.y), rtol=0, atol=0)


def test_the_gradient_flows_through_the_average_to_features_and_bias() -> None:
    method, batch = build("man"), pictures()
    method.modules.double(), method.auxiliaries.double()
    auxiliary, weight = method.auxiliaries[0], method.modules[1][0].weight
    auxiliary.bias.data.normal_()
    h = torch.randn(64, 8, 8, 8).double().requires_grad_()
    method.local_loss(0, h, batch).backward()
    y = (F.conv2d(h.detach(), weight, padding=1) + auxiliary.bias.detach()).detach().requires_grad_()
    F.cross_entropy(auxiliary.objective.head(y), batch.y).backward()
    torch.testing.assert_close(h.grad, F.conv_transpose2d(y.grad, weight, padding=1))
    torch.testing.assert_close(auxiliary.bias.grad, y.grad.sum(0))
    assert weight.grad is None


@pytest.mark.parametrize("options", [{}, {"first": None, "last": None}])
def test_no_gradient_leaves_a_module(digits, loader, options: dict) -> None:
    method = make_method("man", 4, digits, options)
    batch = next(loader.epoch(0))
    assert moved_modules(method, batch) == [(0,), (1,), (2,), (3,)]
    for k, loss in enumerate(method.losses(batch)):
        loss.backward()
        assert all(p.grad.any() for p in method.auxiliaries[k].parameters())


def test_the_weights_are_infopros_by_module() -> None:
    method = build("man", {"first": [5, 0.5], "last": [1, 2]}, k=5)
    expected = [(5 - 4 * k / 3, 0.5 + 1.5 * k / 3) for k in range(4)]
    objectives = [getattr(auxiliary, "objective", auxiliary) for auxiliary in method.auxiliaries[:-1]]
    assert [objective.weights for objective in objectives] == [pytest.approx(pair) for pair in expected]
    table = build("man", {"first": None, "last": None}, k=4)
    assert table.auxiliaries[0].objective.weights == (6, 0)


def test_the_objective_is_that_of_the_averaged_layer() -> None:
    method, batch = build("man", {"first": [3, 2], "last": [3, 2]}), pictures()
    auxiliary = method.auxiliaries[0]
    auxiliary.bias.data.normal_()
    h = method.modules[0](batch.x)
    y = F.conv2d(h, method.modules[1][0].weight, padding=1) + auxiliary.bias
    p, x = torch.sigmoid(auxiliary.objective.decoder(y)), batch.raw / 255
    likelihood = (x * p.log() + (1 - x) * (1 - p).log()).mean()
    expected = -3 * likelihood + 2 * F.cross_entropy(auxiliary.objective.head(y), batch.y)
    torch.testing.assert_close(method.local_loss(0, h, batch), expected)


@pytest.mark.parametrize("options", [{}, {"first": [1, 1], "last": [1, 1]}])
def test_before_a_bare_classifier_it_is_infopro(options: dict) -> None:
    infopro = {"first": [0, 1], "last": [0, 1], "task_loss": "softmax", **options}
    man = build("man", {"head": "1c2f", **options}, k=2)
    assert run(man, 3, pictures()) == run(build("infopro", infopro, k=2), 3, pictures())


def test_the_head_is_that_of_the_released_code() -> None:
    """Where 32 channels come in: 65,162 parameters, the smaller one has 28,170."""
    features = Features("h", (32, 16, 16), "NCHW")
    ten = Task(classes=10, image_size=32, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3)
    counts = {}
    for name in ("1c2f", "2c2f"):
        head = InfoProObjective(features, ten, (0, 1), "softmax", name).head
        counts[name] = sum(p.numel() for p in head.parameters())
        assert head(torch.randn(2, 32, 16, 16)).shape == (2, 10)
    assert counts == {"1c2f": 28_170, "2c2f": 65_162}
    convolutions = [m for m in build("man").auxiliaries[0].objective.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 2


def test_a_head_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="There is no head '3c2f'; choose 1c2f or 2c2f"):
        build("man", {"head": "3c2f"})


@pytest.mark.parametrize("momentum", [-0.1, 1.5])
def test_a_momentum_out_of_range_is_refused(momentum: float) -> None:
    with pytest.raises(UserError, match="momentum"):
        build("man", {"momentum": momentum})
