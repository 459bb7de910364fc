"""The cut is exact, keeps names, modes and state, and says where it may go."""

import copy
import pickle
from itertools import combinations, pairwise

import pytest
import torch
from torch import Tensor, nn

from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.cutting.balance import balanced_ends
from benchmark.engine.cutting.partition import Partition, cut, cut_points
from benchmark.engine.cutting.units import Features
from benchmark.errors import CannotCut, UserError

MODELS = {  # name: (image size, settings)
    "resnet18": (32, {"drop_path_rate": 0.2}),
    "resnet50": (32, {}),
    "cifar_resnet32": (16, {}),
    "cifar_resnet110": (8, {}),
    "vgg11": (32, {"drop_rate": 0.3, "mlp_ratio": 0.02}),
    "densenet121": (32, {"drop_rate": 0.3}),
    "efficientnet_b0": (32, {"drop_rate": 0.2, "drop_path_rate": 0.2}),
    "mobilenetv3_small_050": (32, {"drop_rate": 0.2}),
    "regnety_002": (32, {}),
    "convnext_atto": (32, {"drop_path_rate": 0.2}),
    "vit_tiny_patch16_224": (224, {}),
    "vit_tiny_patch16_224 at 32": (32, {"patch_size": 4, "drop_rate": 0.1, "drop_path_rate": 0.2}),
    "mixer_s32_224": (64, {}),
    "swin_tiny_patch4_window7_224": (64, {}),
}


@pytest.fixture(params=MODELS)
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, int]:
    size, settings = MODELS[request.param]
    torch.manual_seed(0)
    return create_backbone(request.param.split()[0], 10, 3, size, **settings), size


def pictures(size: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))


def step(run: nn.Module | Partition, x: Tensor) -> Tensor:
    torch.manual_seed(2)
    logits = run(x)
    logits.square().sum().backward()
    return logits.detach()


def finest(model: nn.Module, size: int) -> Partition:
    shape = (3, size, size)
    return cut(model, len(cut_points(model, shape)) + 1, balance="units", input_shape=shape)


def test_cut_is_exact_and_keeps_the_state(case: tuple[nn.Module, int]) -> None:
    """Cut as finely as possible, against a copy of the uncut model: outputs, gradients, buffers, modes, names."""
    model, size = case
    whole, x = copy.deepcopy(model), pictures(size)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    partition = finest(model, size)
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before), "cutting touched the live model"
    assert partition.state_dict().keys() == before.keys()
    whole.train()
    partition.modules.train()
    assert torch.equal(step(partition, x), step(whole, x))
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    for name, parameter in whole.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad)
    for name, tensor in whole.named_buffers():
        assert torch.equal(tensor, model.get_buffer(name))
    whole.eval()
    partition.modules.eval()
    with torch.no_grad():
        assert torch.equal(partition(x), whole(x))
        for batch in (1, 3):
            assert partition(pictures(size, batch)).shape == (batch, 10)


def test_boundaries_hold(case: tuple[nn.Module, int]) -> None:
    """Every module owns parameters of its own, gives what it announces, and leaves its input as it was."""
    model, size = case
    partition = finest(model, size)
    owned = [{id(parameter) for parameter in module.parameters()} for module in partition.modules]
    assert all(owned)
    assert sum(map(len, owned)) == len(set().union(*owned)) == len(list(model.parameters()))
    h = pictures(size)
    for module, features in zip(partition.modules.train(), partition.outputs, strict=True):
        version, x = h._version, h
        h = module(h)
        assert x._version == version
        assert tuple(h.shape[1:]) == features.shape
        assert features.as_map(h).shape == (2, features.channels, *features.size)
        h = h.detach().requires_grad_()  # an in-place operation on this leaf would raise
    assert partition.outputs[-1].layout == "NC"
    assert len(set(partition.cuts)) == len(partition.cuts) == len(partition.modules) - 1


@pytest.mark.parametrize("name", ["cifar_resnet32", "densenet121", "vit_tiny_patch16_224 at 32"])
def test_modules_survive_copy_and_pickle(name: str) -> None:
    size, settings = MODELS[name]
    partition = finest(create_backbone(name.split()[0], 10, 3, size, **settings), size)
    x = pictures(size)
    partition.modules.eval()
    expected = partition(x)
    for twin in (copy.deepcopy(partition.modules), pickle.loads(pickle.dumps(partition.modules))):
        assert torch.equal(nn.Sequential(*twin)(x), expected)
        twin.train()
        assert all(module.training for module in twin.modules())


def test_state_dict_goes_both_ways_with_the_uncut_model() -> None:
    torch.manual_seed(0)
    model, other = (create_backbone("efficientnet_b0", 10, 3, 32) for _ in range(2))
    partition = cut(model, 3, input_shape=(3, 32, 32))
    partition.load_state_dict(other.state_dict())
    x = pictures(32)
    partition.modules.eval()
    assert torch.equal(partition(x), other.eval()(x))
    create_backbone("efficientnet_b0", 10, 3, 32).load_state_dict(partition.state_dict())
    with pytest.raises(UserError, match="another backbone"):
        partition.load_state_dict(create_backbone("resnet18", 10, 3, 32).state_dict())
    with pytest.raises(UserError, match=r"2 tensors differ, as 'classifier\.bias'"):
        partition.load_state_dict(create_backbone("efficientnet_b0", 7, 3, 32).state_dict())


def test_modes_of_the_model_are_kept() -> None:
    model = create_backbone("densenet121", 10, 3, 32, drop_rate=0.5).eval()
    assert not any(module.training for module in cut(model, 4, input_shape=(3, 32, 32)).modules.modules())


def test_every_k_up_to_the_largest() -> None:
    model, shape, x = create_backbone("cifar_resnet20", 10, 3, 16).eval(), (3, 16, 16), pictures(16)
    largest = len(cut_points(model, shape)) + 1
    for k in range(1, largest + 1):
        partition = cut(model, k, input_shape=shape)
        assert len(partition.modules) == len(partition.unit_outputs) == k
        assert torch.equal(partition(x), model(x))
    with pytest.raises(CannotCut, match=f"1 to {largest} modules"):
        cut(model, largest + 1, input_shape=shape)


# InfoPro (Wang et al., 2021), official code: [stage, block] after which a module ends; ResNet-32 has 16 units
INFOPRO = {
    ("cifar_resnet32", 2): "layer2.1",
    ("cifar_resnet32", 4): "layer1.2 layer2.1 layer3.0",
    ("cifar_resnet32", 8): "layer1.0 layer1.2 layer1.4 layer2.1 layer2.3 layer3.0 layer3.2",
    ("cifar_resnet110", 4): "layer1.11 layer2.7 layer3.3",
    ("cifar_resnet110", 8): "layer1.4 layer1.11 layer2.0 layer2.7 layer2.14 layer3.3 layer3.10",
}


@pytest.mark.parametrize(("name", "k"), INFOPRO)
def test_equal_units_are_the_cuts_of_infopro(name: str, k: int) -> None:
    model = create_backbone(name, 10, 3, 32)
    assert " ".join(cut(model, k, balance="units", input_shape=(3, 32, 32)).cuts) == INFOPRO[name, k]


def test_finest_cut_of_resnet32_is_infopros_k16() -> None:
    cuts = cut(create_backbone("cifar_resnet32", 10, 3, 32), 16, balance="units", input_shape=(3, 32, 32)).cuts
    assert cuts[0] == "act1"
    assert cuts[-1] == "layer3.3"


def test_balance_says_what_is_even() -> None:
    with torch.device("meta"):
        model = create_backbone("resnet18", 1000, 3, 224)
    cuts = {how: cut(model, 4, balance=how, input_shape=(3, 224, 224)).cuts for how in ("memory", "flops", "units")}
    assert cuts["flops"] == ("layer1.1", "layer2.1", "layer3.1")  # the stages of a ResNet cost the same FLOPs
    assert cuts["memory"][0] == "maxpool"  # the resolution of the stem makes it the heaviest
    assert cuts["units"] == ("layer1.0", "layer2.0", "layer3.0")
    with pytest.raises(UserError, match="choose memory, flops or units"):
        cut(model, 4, balance="luck", input_shape=(3, 224, 224))  # type: ignore[arg-type]


def kept_bytes(module: nn.Module, x: Tensor) -> tuple[int, Tensor]:
    """Bytes that `module` really keeps for its backward pass on `x`, its input among them, and its output."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in module.state_dict().values()}
    storages = {}

    def save(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        h = module(x)
    return sum(size for storage, size in storages.items() if storage not in weights), h.detach().requires_grad_()


def test_memory_balance_is_the_best_of_all_cuts_really_measured() -> None:
    """The plan was made on fake tensors; here every way to make three modules runs, and is weighed."""
    model, shape = create_backbone("narrow_resnet10", 10, 3, 16), (3, 16, 16)
    names = [features.name for features in cut_points(model, shape)]

    def largest(partition: Partition) -> int:
        h, sizes = pictures(16).requires_grad_(), []
        for module in partition.modules:
            size, h = kept_bytes(module, h)
            sizes.append(size)
        return max(sizes)

    every = [largest(cut(model, at=pair, input_shape=shape)) for pair in combinations(names, 2)]
    assert largest(cut(model, 3, input_shape=shape)) == min(every) < max(every)


def test_dynamic_programme_is_exact() -> None:
    costs, carried = [5, 1, 1, 9, 2, 2, 2], [0, 3, 0, 0, 1, 0, 4]
    for k in range(1, 8):
        ways = [[0, *ends, 7] for ends in combinations(range(1, 7), k - 1)]

        def sizes(way: list[int]) -> list[int]:
            return [sum(costs[a:b]) + carried[a] for a, b in pairwise(way)]

        best = min(ways, key=lambda way: (max(sizes(way)), sum(size**2 for size in sizes(way))))
        assert sizes([0, *balanced_ends(costs, carried, k)]) == sizes(best)


def test_named_cuts() -> None:
    model, shape = create_backbone("resnet18", 10, 3, 32), (3, 32, 32)
    assert cut(model, at=["layer3", "layer1.1"], input_shape=shape).cuts == ("layer1.1", "layer3.1")
    with pytest.raises(CannotCut, match=r"'layer1.7' is not a cut point.*layer1.1"):
        cut(model, at=["layer1.7"], input_shape=shape)
    with pytest.raises(CannotCut, match="the same place"):
        cut(model, at=["layer1", "layer1.1"], input_shape=shape)
    with pytest.raises(UserError, match="one of the two"):
        cut(model, 2, at=["layer1"], input_shape=shape)


def test_model_on_meta_can_be_planned() -> None:
    with torch.device("meta"):
        model = create_backbone("resnet50", 1000, 3, 224)
    partition = cut(model, 4, input_shape=(3, 224, 224))
    assert all(parameter.is_meta for parameter in partition.modules.parameters())
    assert partition.outputs[-1] == Features("fc", (1000,), "NC")


class ControlFlow(nn.Module):
    """Follows the values: not for torch.fx."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class TwoWays(nn.Module):
    """Takes another path in training."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.a(x) if self.training else self.b(x)


class Tied(nn.Module):
    """Uses one layer twice, and overwrites the output of another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice, self.free, self.last = (nn.Linear(4, 4) for _ in range(4))
        self.act = nn.ReLU(inplace=True)
        self.alias = self.first

    def forward(self, x: Tensor) -> Tensor:
        x = self.free(self.twice(self.first(self.twice(x.flatten(1)))))
        return self.last(self.act(x.view(-1, 2, 2)).flatten(1))


@pytest.mark.parametrize(("model", "reason"), [(ControlFlow(), "cannot follow"), (TwoWays(), "another path")])
def test_what_cannot_be_cut_says_why(model: nn.Module, reason: str) -> None:
    with pytest.raises(CannotCut, match=reason):
        cut_points(model, (1, 2, 2))


def test_no_cut_parts_shared_parameters_or_overwrites_a_boundary() -> None:
    assert [features.name for features in cut_points(Tied(), (1, 2, 2))] == ["first", "act"]


def test_second_names_of_a_layer_stay_in_the_state() -> None:
    model = Tied()
    state = cut(model, 2, input_shape=(1, 2, 2)).state_dict()
    assert state.keys() == model.state_dict().keys()
    assert torch.equal(state["alias.weight"], state["first.weight"])


def test_wrong_picture_size_says_so() -> None:
    with pytest.raises(CannotCut, match="does not run on pictures of 3x48x48"):
        cut_points(create_backbone("vit_tiny_patch16_224", 10, 3, 32, patch_size=4), (3, 48, 48))


@pytest.mark.parametrize(
    ("features", "size", "channels"),
    [
        (Features("a", (8, 4, 6), "NCHW"), (4, 6), 8),
        (Features("a", (4, 6, 8), "NHWC"), (4, 6), 8),
        (Features("a", (17, 8), "NLC", 1), (4, 4), 8),
        (Features("a", (12, 8), "NLC"), (12, 1), 8),
        (Features("a", (8,), "NC"), (1, 1), 8),
    ],
)
def test_features_as_a_map(features: Features, size: tuple[int, int], channels: int) -> None:
    assert (features.size, features.channels) == (size, channels)
    h = torch.arange(2 * torch.Size(features.shape).numel(), dtype=torch.float32).reshape(2, *features.shape)
    mapped = features.as_map(h)
    assert mapped.shape == (2, channels, *size)
    if features.layout == "NLC":
        assert torch.equal(mapped[0, :, 0, 0], h[0, features.prefix_tokens])
    prefix = features.prefix_tokens
    expected = torch.cat([torch.zeros_like(h[:, :prefix]), h[:, prefix:]], dim=1)
    assert torch.equal(features.from_map(mapped), expected)
