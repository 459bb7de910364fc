"""ContSup: what is added where, who learns it, and that it is deployed."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from handmade import METHODS, TASK, build, pictures, run
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.measuring.cost import count_parameters
from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.objectives.losses import supervised_contrastive
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class

CONTEXTS = ["E", "R1", "R1E", "R2", "R2E"]


def exact(context: str, k: int = 4) -> Method:
    """In double precision and without dropout."""
    method = build("contsup", {"context": context}, k)
    for part in method.modules.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0
    method.modules.double(), method.auxiliaries.double()
    return method


def conv_norm_relu(h: Tensor, state: dict[str, Tensor], prefix: str) -> Tensor:
    weight = state[f"{prefix}.0.weight"]
    h = F.conv2d(h, weight, padding=weight.shape[2] // 2)
    mean, var = h.mean((0, 2, 3), keepdim=True), h.var((0, 2, 3), unbiased=False, keepdim=True)
    scale, shift = (state[f"{prefix}.1.{name}"][:, None, None] for name in ("weight", "bias"))
    return ((h - mean) / (var + 1e-5).sqrt() * scale + shift).clamp(min=0)


@pytest.mark.parametrize("context", CONTEXTS)
def test_modules_see_the_papers_sum_on_every_pass(context: str) -> None:
    method, x = exact(context), pictures().x.double()
    depth, picture = int(context[1]) if context[0] == "R" else 0, context.endswith("E")
    for p in method.auxiliaries.parameters():
        p.data += 0.1 * torch.randn_like(p)
    expected, seen, h = [], [], x
    for k, module in enumerate(method.modules):
        state = method.auxiliaries[k].state_dict()
        if k > 0 and picture:
            h = h + conv_norm_relu(conv_norm_relu(x, state, "context.encode.0"), state, "context.encode.1")
        for j in range(k - depth, k):
            if j > 0 or (j == 0 and not picture):
                h = h + conv_norm_relu(seen[j], state, f"context.residual.{j}.0")
        seen.append(h)
        h = module(h)
        expected.append(h)
    for _ in range(2):
        for a, b in zip(method.chain(x), expected, strict=True):
            torch.testing.assert_close(a, b)


KEPT = {"E": [[], [], [], []], "R1E": [[], [1], [2], []], "R1": [[0], [1], [2], []], "R2": [[0], [0, 1], [1, 2], []]}


@pytest.mark.parametrize("context", KEPT)
def test_an_input_is_kept_while_a_later_module_reads_it(context: str) -> None:
    method = exact(context)
    assert [sorted(method.inputs) for _ in method.chain(pictures().x.double())] == KEPT[context]


def test_context_is_pooled_to_the_map() -> None:
    outputs = (Features("a", (5, 4, 2), "NCHW"), Features("b", (6, 2, 2), "NCHW"), Features("out", (4,), "NC"))
    modules = nn.ModuleList(nn.Identity() for _ in outputs)
    partition = SimpleNamespace(modules=modules, outputs=outputs, unit_outputs=())
    method = load_class(METHODS / "contsup.py", Method)(partition, TASK).auxiliaries.double()
    x, a, b = torch.randn(3, 3, 8, 8).double(), torch.randn(3, 5, 4, 2).double(), torch.randn(3, 6, 2, 2).double()
    state = method[2].state_dict()
    encoded = conv_norm_relu(conv_norm_relu(x, state, "context.encode.0"), state, "context.encode.1")
    mixed = conv_norm_relu(a, state, "context.residual.1.0")
    expected = b + encoded.unflatten(2, (2, 4)).unflatten(4, (2, 4)).mean((3, 5)) + mixed.unflatten(2, (2, 2)).mean(3)
    torch.testing.assert_close(method[2]["context"](b, x, {1: a}), expected)


@pytest.mark.parametrize(
    "features",
    [
        Features("a", (4, 4, 8), "NHWC"),
        Features("a", (16, 8), "NLC"),
        Features("a", (18, 8), "NLC", 2),
        Features("a", (8,), "NC"),
    ],
)
def test_every_layout_gets_the_context_of_a_map(features: Features) -> None:
    def entered(features: Features, h: Tensor) -> Tensor:
        outputs = (features, Features("out", (4,), "NC"))
        modules = nn.ModuleList(nn.Identity() for _ in outputs)
        torch.manual_seed(0)
        partition = SimpleNamespace(modules=modules, outputs=outputs, unit_outputs=())
        method = load_class(METHODS / "contsup.py", Method)(partition, TASK)
        x = pictures(3).x
        method.enter(0, x, x)
        return method.enter(1, h, x)

    h = torch.randn(3, *features.shape)
    mapped = features.as_map(h)
    added = entered(features, h) - h
    expected = entered(Features("a", tuple(mapped.shape[1:]), "NCHW"), mapped) - mapped
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(features.as_map(added), expected)
    assert features.layout != "NLC" or not added[:, : features.prefix_tokens].any()


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_learns_from_the_loss_of_its_own_module_only(context: str) -> None:
    method, batch = build("contsup", {"context": context}, k=4), pictures()
    assert moved_modules(method, batch) == [(0,), (1,), (2,), (3,)]
    for k, loss in enumerate(method.losses(batch)):
        loss.backward()
        moved = [part.grad is not None and bool(part.grad.any()) for part in method.auxiliaries[k].parameters()]
        assert moved
        assert all(moved)


def test_without_context_it_is_greedy_learning_with_infopros_head() -> None:
    greedy = {"first": [0, 1], "last": [0, 1], "task_loss": "softmax"}
    plain = build("contsup", {"context": "R0"})
    assert list(plain.deployed()) == [plain.modules]
    losses = run(plain, 3, pictures())
    assert losses == run(build("infopro", greedy), 3, pictures())


def test_contexts_are_deployed_and_heads_are_not() -> None:
    encoder = 3 * 12 * 9 + 2 * 12 + 12 * 8 * 9 + 2 * 8
    contexts = {"R0": 0, "E": 2 * encoder, "R1": 3 * 8 + 8 * 8 + 2 * 2 * 8, "R1E": 2 * encoder + 8 * 8 + 2 * 8}
    plain, heads = count_parameters(build("contsup", {"context": "R0"}))
    for context, parameters in contexts.items():
        assert count_parameters(build("contsup", {"context": context})) == (plain + parameters, heads)


def test_the_deployed_prediction_uses_the_context() -> None:
    method, x = exact("E", k=2), pictures(2).x.double()
    method.modules.eval(), method.auxiliaries.eval()
    h = method.modules[0](method.enter(0, x, x))
    with_context = method.modules[1](method.enter(1, h, x))
    assert torch.equal(method.predict(x), with_context)
    assert not torch.allclose(method.modules[1](method.enter(1, h, -x)), with_context)
    method.auxiliaries[1]["context"].encode[1][1].weight.data.zero_()
    torch.testing.assert_close(method.predict(x), method.modules[1](h))


def test_the_task_loss_is_contrastive_where_asked() -> None:
    method, batch = build("contsup", {"task_loss": "contrast"}), pictures()
    h = method.modules[0](batch.x)
    z = method.auxiliaries[0]["objective"].head(h)
    assert z.shape == (64, 128)
    torch.testing.assert_close(method.local_loss(0, h, batch), supervised_contrastive(z, batch.y))


@pytest.mark.parametrize("context", ["", "R", "r1e", "ER1", "R1E2"])
def test_an_unknown_context_is_refused(context: str) -> None:
    with pytest.raises(UserError, match="There is no context"):
        build("contsup", {"context": context})
