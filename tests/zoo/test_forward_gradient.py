"""Forward gradients and zeroth order: sums over all directions are backpropagation's gradients; one is an estimate."""

import pytest
import timm
import torch
import torch.nn.functional as F
from handmade import build, pictures
from linear import build_linear, vectors
from torch import nn
from torch.autograd.forward_ad import unpack_dual

from benchmark.engine.objectives import losses, perturbation
from benchmark.errors import UserError

WIDTHS = [6, 5, 3], [3, 4]
ACTIVITIES, WEIGHTS = 5 + 3 + 4, 30 + 15 + 12


def gradients(method, batch):
    method.modules.zero_grad(), method.auxiliaries.zero_grad()
    for loss in method.losses(batch):
        loss.backward()
    return [p.grad.clone() for p in method.modules.parameters()]


def along(direction, by_picture, monkeypatch):
    """Let one unit vector stand for a step's noise: E[u uᵀ] = I is then a sum over all of them, without scatter."""
    left = [direction]

    def unit(like):
        u = torch.zeros_like(like)
        numbers = u.flatten(1) if by_picture else u.view(1, -1)
        if 0 <= left[0] < numbers.shape[1]:
            numbers[:, left[0]] = 1
        left[0] -= numbers.shape[1]
        return u

    monkeypatch.setattr(perturbation, "noise", unit)


@pytest.mark.parametrize(("name", "tolerance"), [("forward_gradient", 1e-10), ("zeroth_order", 1e-3)])
@pytest.mark.parametrize(("noise", "directions"), [("activities", ACTIVITIES), ("weights", WEIGHTS)])
def test_over_all_directions_it_is_backpropagation(name, tolerance, noise, directions, monkeypatch):
    batch = vectors(seed=1)
    method, found = build_linear(name, *WIDTHS, options={"noise": noise}), []
    for direction in range(directions):
        along(direction, noise == "activities", monkeypatch)
        found.append(gradients(method, batch))
    true = gradients(build_linear("e2ebp", *WIDTHS), batch)
    for a, b in zip(zip(*found, strict=True), true, strict=True):
        torch.testing.assert_close(sum(a), b, rtol=tolerance, atol=tolerance / 10)


def test_mezo_takes_the_difference_of_a_step_to_either_side(monkeypatch):
    """At an ε so large that a step to one side has another difference."""
    epsilon, batch, z = 0.5, vectors(seed=1), []
    monkeypatch.setattr(perturbation, "noise", lambda like: z.append(torch.randn_like(like)) or z[-1])
    method = build_linear("zeroth_order", *WIDTHS, options={"noise": "weights", "epsilon": epsilon})
    found = gradients(method, batch)
    at = []
    for step in (epsilon, -epsilon):
        a, c, e = (p.detach() + step * u for p, u in zip(method.modules.parameters(), z, strict=True))
        at.append(F.cross_entropy(batch.x @ a.T @ c.T @ e.T, batch.y))
    for gradient, u in zip(found, z, strict=True):
        torch.testing.assert_close(gradient, (at[0] - at[1]) / (2 * epsilon) * u, rtol=1e-10, atol=1e-12)


def test_over_all_directions_a_local_one_is_the_gradient_of_its_local_loss(monkeypatch):
    """Of the last module, too: noise alone teaches it, or its gradient would be there more than once."""
    batch = vectors(seed=1)
    method, found = build_linear("local_forward_gradient", *WIDTHS), []
    for direction in range(ACTIVITIES):  # the second module draws on from where the first one ends
        along(direction, True, monkeypatch)
        found.append(gradients(method, batch))
    twin = build_linear("greedy_sl", *WIDTHS)  # the same heads, by true gradients
    twin.auxiliaries.load_state_dict(method.auxiliaries.state_dict())
    true = gradients(twin, batch)
    for a, b in zip(zip(*found, strict=True), true, strict=True):
        torch.testing.assert_close(sum(a), b, rtol=1e-10, atol=1e-12)
    for a, b in zip(method.auxiliaries.parameters(), twin.auxiliaries.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("name", ["forward_gradient", "zeroth_order"])
@pytest.mark.parametrize("noise", ["activities", "weights"])
def test_a_layers_weights_move_by_its_own_input_and_noise_alone(name, noise, monkeypatch):
    """No graph leads from a layer to the one before it, so nothing can be propagated back."""
    carried, theirs = [], losses.carrying
    monkeypatch.setattr(losses, "carrying", lambda loss, pairs: theirs(loss, carried.extend(pairs) or carried))
    method, batch = build(name, {"noise": noise}), pictures(16)
    layers = [part for part in method.modules.modules() if [*part.parameters(recurse=False)]]
    before = method.modules[0][0].weight.detach().clone()
    assert len(list(method.losses(batch))) == 1
    assert torch.equal(method.modules[0][0].weight, before)  # the noise on the weights is gone
    assert isinstance(method.modules[0][0].weight, torch.nn.Parameter)
    moved = []
    for value, _ in carried:
        method.modules.zero_grad()
        value.sum().backward(retain_graph=True)
        moved.append([part for part in layers if any(p.grad is not None for p in part.parameters())])
    assert all(len(parts) == 1 for parts in moved)
    assert {part for parts in moved for part in parts} == set(layers)


def test_a_frozen_module_stays_and_the_others_learn_as_before():
    """Its head learns on: there is no noise in it, and no gradient to carry."""
    method, batch = build("local_forward_gradient"), pictures(16)
    method.modules[0].requires_grad_(False)
    for k, loss in enumerate(method.losses(batch)):
        loss.backward()
        assert any(p.grad is not None for p in method.modules[k].parameters()) == (k > 0)
    assert method.auxiliaries[0].linear.weight.grad.any()


class Placed(nn.Module):
    """Adds what a layer makes of a table of positions, (1, 3), to rows of pictures."""

    def __init__(self, runs: bool = True) -> None:
        super().__init__()
        self.of_positions, self.runs = nn.Linear(3, 6, bias=False), runs
        self.register_buffer("table", torch.arange(3.0)[None])

    def forward(self, x):
        return x + (self.of_positions(self.table) if self.runs else self.table @ self.of_positions.weight.T)


def test_over_all_directions_a_table_that_pictures_share_gets_its_gradient(monkeypatch):
    batch, part, out = vectors(seed=1), Placed().double(), nn.Linear(6, 4, bias=False).double()
    found = []
    for direction in range(6 + 4):
        along(direction, True, monkeypatch)
        activities = perturbation.Activities([part, out])
        with perturbation.tangents(), activities.dual():
            each, slopes = unpack_dual(F.cross_entropy(out(part(batch.x)), batch.y, reduction="none"))
        loss = losses.carrying(each.detach().mean(), activities.pairs(slopes))
        found.append(torch.autograd.grad(loss, [part.of_positions.weight, out.weight]))
    true = torch.autograd.grad(F.cross_entropy(out(part(batch.x)), batch.y), [part.of_positions.weight, out.weight])
    for a, b in zip(zip(*found, strict=True), true, strict=True):
        torch.testing.assert_close(sum(a), b, rtol=1e-10, atol=1e-12)


def test_a_layer_whose_weights_are_used_without_it_is_refused():
    """Swin v2 has its queries so: they would never learn, and nobody would know."""
    batch, part = vectors(seed=1), Placed(runs=False).double()
    activities = perturbation.Activities([part])
    with activities.plain():
        part(batch.x)
    with pytest.raises(UserError, match="weights of a Linear without running it"):
        list(activities.pairs(torch.ones(len(batch))))


def test_a_small_difference_is_the_slope():
    """Node perturbation and forward gradients on activities, of the same noise."""
    method, other, batch = build("forward_gradient"), build("zeroth_order", {"noise": "activities"}), pictures(16)
    found = []
    for each in (method, other):
        each.modules.double()
        for part in each.modules.modules():
            if isinstance(part, torch.nn.Dropout2d):
                part.p = 0.0
        torch.manual_seed(5)
        batch.x = batch.x.double()
        found.append(torch.cat([g.flatten() for g in gradients(each, batch)]))
    assert torch.cosine_similarity(*found, dim=0) > 0.999


def test_nothing_is_dropped_between_two_passes_and_all_rates_come_back():
    """Fused attention drops by the rate of its dropout, whatever mode that is in."""
    small = {"img_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2}
    rates = dict.fromkeys(("attn_drop_rate", "proj_drop_rate", "drop_path_rate"), 0.5)
    network = timm.create_model("vit_tiny_patch16_224", **small, **rates)
    x = torch.randn(8, 3, 8, 8)
    with perturbation.without_dropout(nn.ModuleList([network.train()])), torch.no_grad():
        assert torch.equal(network(x), network(x))
    assert all(part.training for part in network.modules())
    assert not torch.equal(network(x), network(x))
