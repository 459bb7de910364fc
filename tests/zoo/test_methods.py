"""Methods: each one learns, keeps its gradients to itself, and weighs and skips what its paper says."""

from types import SimpleNamespace

import pytest
import torch
from conftest import make_method
from handmade import METHODS, RECIPE, TASK, build, network, pictures, run
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.objectives import heads, losses
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.training.method import LocalMethod, Method, ModularMethod
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class

LOCAL = [
    ("greedy_sl", {}),
    ("dgl", {}),
    ("predsim", {}),
    ("predsim", {"beta": 0.0}),
    ("predsim", {"beta": 1.0}),
    ("infopro", {"first": [1, 1], "last": [1, 1]}),
    ("infopro", {"first": [1, 1], "last": [1, 1], "task_loss": "softmax"}),
    ("infopro", {}),
]


@pytest.mark.parametrize(("name", "options"), [*LOCAL, ("gradient_checkpointing", {})])
def test_thirty_steps_lower_every_loss(name: str, options: dict) -> None:
    rows = run(build(name, options), 30, pictures())
    assert all(end < start for start, end in zip(rows[0], rows[-1], strict=True)), (rows[0], rows[-1])


@pytest.mark.parametrize(("name", "options"), LOCAL)
def test_no_loss_reaches_another_module(name: str, options: dict) -> None:
    method = build(name, options)
    assert isinstance(method, LocalMethod)
    for k, loss in enumerate(method.losses(pictures())):
        loss.backward()
        for j in range(len(method.modules)):
            own = [*method.modules[j].parameters(), *method.auxiliaries[j].parameters()]
            assert all((p.grad is not None) == (j == k) for p in own), (k, j)
            method.modules[j].zero_grad(), method.auxiliaries[j].zero_grad()


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_checkpointing_repeats_end_to_end_training_to_the_bit(k: int) -> None:
    states = []
    for name in ("e2ebp", "gradient_checkpointing"):
        method = build(name, k=k)
        torch.manual_seed(3)
        states.append((run(method, 4, pictures()), method.modules.state_dict()))
    (losses_a, a), (losses_b, b) = states
    assert losses_a == losses_b
    assert any("num_batches_tracked" in name for name in a) == (k > 1)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_checkpointing_keeps_the_same_buffers() -> None:
    method = build("gradient_checkpointing")
    before = {name: id(b) for name, b in method.modules.named_buffers()}
    run(method, 1, pictures())
    assert {name: id(b) for name, b in method.modules.named_buffers()} == before


def saved_bytes(method: Method) -> int:
    """Bytes saved for backward by the first loss's graph."""
    seen: dict[int, int] = {}

    def keep(t: Tensor) -> Tensor:
        seen[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        next(iter(method.losses(pictures())))
    return sum(seen.values())


def test_checkpointing_saves_less() -> None:
    assert saved_bytes(build("gradient_checkpointing")) < 0.5 * saved_bytes(build("e2ebp"))


def predsim_parts(beta: float) -> set[str]:
    return set(dict(build("predsim", {"beta": beta}).auxiliaries[0].named_children()))


def test_predsim_builds_only_what_it_weighs() -> None:
    assert predsim_parts(0.99) == {"predict", "encode"}
    assert predsim_parts(0.0) == {"predict"}
    assert predsim_parts(1.0) == {"encode"}


def test_predsim_scales_the_gradient_of_the_prediction_only_below_its_predictor() -> None:
    batch = pictures()
    gradients = {}
    for beta in (0.0, 0.99, 1.0):
        method = build("predsim", {"beta": beta})
        h = torch.randn(64, 8, 8, 8, generator=torch.Generator().manual_seed(2)).requires_grad_()
        parts = method.auxiliaries[0]
        if "predict" in parts:
            parts["predict"].linear.weight.data.copy_(torch.linspace(-1, 1, 4 * 512).view(4, 512))
        if "encode" in parts:
            parts["encode"].conv.weight.data.copy_(torch.linspace(-1, 1, 8 * 72).sin().view(8, 8, 3, 3))
        method.local_loss(0, h, batch).backward()
        predictor = parts["predict"].linear.weight.grad if "predict" in parts else None
        gradients[beta] = (h.grad, predictor)
    mixed = 0.01 * gradients[0.0][0] + 0.99 * gradients[1.0][0]
    torch.testing.assert_close(gradients[0.99][0], mixed)
    torch.testing.assert_close(gradients[0.99][1], gradients[0.0][1])


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (2, [(5, 1)]),
        (3, [(5, 1), (5, 1)]),
        (4, [(6, 0), (3.5, 1), (1, 2)]),
        (5, [(6, 0), (6 - 5 / 3, 2 / 3), (6 - 10 / 3, 4 / 3), (1, 2)]),
        (16, [(5 - 4.8 * i / 14, 0.05 + 0.45 * i / 14) for i in range(15)]),
    ],
)
def test_infopro_weights_follow_the_papers_table(k: int, expected: list[tuple[float, float]]) -> None:
    method = build("infopro", k=k)
    assert [method.weights(i) for i in range(k - 1)] == [pytest.approx(pair) for pair in expected]


def test_infopro_takes_the_weights_of_the_suite() -> None:
    method = build("infopro", {"first": [1, 0], "last": [0, 2]}, k=4)
    assert [method.weights(i) for i in range(3)] == [(1, 0), (0.5, 1), (0, 2)]


def test_infopro_refuses_a_module_without_an_objective() -> None:
    with pytest.raises(UserError, match="module 2 has no objective"):
        build("infopro", {"first": [1, 0], "last": [0, 0]}, k=4)


def test_infopro_neither_builds_nor_computes_a_part_of_weight_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for kind in (heads.Decoder, heads.ConvHead):
        forward = kind.forward

        def counted(self: nn.Module, h: Tensor, forward=forward) -> Tensor:
            calls.append(type(self).__name__)
            return forward(self, h)

        monkeypatch.setattr(kind, "forward", counted)
    method = build("infopro", {"first": [1, 0], "last": [0, 2]}, k=4)
    for loss in method.losses(pictures()):
        loss.backward()
    assert [set(dict(a.named_children())) for a in method.auxiliaries] == [
        {"decoder"},
        {"decoder", "head"},
        {"head"},
        set(),
    ]
    assert calls == ["Decoder", "Decoder", "ConvHead", "ConvHead"]
    assert all(p.grad is not None for p in method.auxiliaries.parameters())


# InfoPro's code on ResNet-32: the cuts of literature's table, by stage; it builds every decoder and head.
STAGES = {"1": (16, 32, 32), "2": (32, 16, 16), "3": (64, 8, 8)}


@pytest.mark.parametrize(
    ("stages", "published"),
    [("2", 47_211), ("123", 143_809), ("1112233", 315_117), ("1" * 6 + "2" * 5 + "3" * 4, 677_445)],
)
def test_infopro_has_as_many_auxiliary_parameters_as_the_papers_code(stages: str, published: int) -> None:
    outputs = [Features(s, STAGES[s], "NCHW") for s in stages] + [Features("out", (10,), "NC")]
    partition = SimpleNamespace(modules=nn.ModuleList(nn.Identity() for _ in outputs), outputs=outputs, unit_outputs=())
    task = Task(10, 32, 3, (0.5,) * 3, (0.25,) * 3)
    full = {"first": [1, 1], "last": [1, 1]}
    method = load_class(METHODS / "infopro.py", Method)(partition, task, full)
    assert sum(p.numel() for p in method.auxiliaries.parameters()) == published


def test_infopro_reconstructs_the_picture_it_was_given() -> None:
    method = build("infopro", {"first": [3, 0], "last": [3, 0]}, k=2)
    batch = pictures()
    h = method.modules[0](batch.x)
    p = torch.sigmoid(method.auxiliaries[0].decoder(h))
    x = batch.raw / 255
    expected = -3 * (x * p.log() + (1 - x) * (1 - p).log()).mean()
    torch.testing.assert_close(method.local_loss(0, h, batch), expected)


def test_modular_kernel_trains_hidden_modules_from_pairs_and_then_the_output() -> None:
    method = build("modular_kernel", k=3)
    phases = method.phases()
    assert [(p.trains, p.share, p.labels) for p in phases] == [
        ((0,), 1.0, "pairs"),
        ((1,), 1.0, "pairs"),
        ((2,), 0.25, "full"),
    ]
    assert [p.trains for p in build("modular_kernel", k=1).phases()] == [(0,)]


def test_modular_kernel_leaves_the_other_modules_alone_and_learns_in_every_phase() -> None:
    method, batch = build("modular_kernel", k=3), pictures()
    assert isinstance(method, ModularMethod)
    for phase in method.phases():
        set_phase(method, phase)
        before = [{n: v.clone() for n, v in m.state_dict().items()} for m in method.modules]
        optimizers = build_optimizers(method, RECIPE, phase)
        values = [float(train_step(method, batch, optimizers)[0]) for _ in range(30)]
        assert values[-1] < values[0]
        for k, (module, old) in enumerate(zip(method.modules, before, strict=True)):
            same = all(torch.equal(v, old[n]) for n, v in module.state_dict().items())
            assert same == (k not in phase.trains)


def test_modular_kernel_uses_only_which_pictures_share_a_class() -> None:
    method, batch = build("modular_kernel", k=2), pictures()
    h = method.modules[0](batch.x)
    renamed = Batch(batch.raw, 3 - batch.y, TASK, batch.x)
    assert torch.equal(method.proxy_loss(0, h, batch), method.proxy_loss(0, h, renamed))
    assert method.proxy_loss(0, h, batch).item() == pytest.approx(
        -losses.kernel_alignment(heads.kernel_features(method.outputs[0], h), batch.y).item()
    )


@pytest.mark.parametrize(
    ("features", "width"),
    [
        (Features("x", (6, 8, 8), "NCHW"), 24),
        (Features("x", (6, 2, 3), "NCHW"), 6),
        (Features("x", (4, 4, 6), "NHWC"), 6),
        (Features("x", (17, 6), "NLC", 1), 6),
        (Features("x", (6,), "NC"), 6),
    ],
)
def test_kernel_features_are_unit_vectors_in_every_layout(features: Features, width: int) -> None:
    phi = heads.kernel_features(features, torch.randn(5, *features.shape))
    assert phi.shape == (5, width)
    assert (phi >= 0).all()
    torch.testing.assert_close(phi.norm(dim=1), torch.ones(5))


@pytest.mark.parametrize(
    ("name", "scaled"),
    [
        ("similarity_matching", (True, True, False)),
        ("modular_kernel", (True, True, False)),
        ("sufficient_labels", (True, True, True, False)),
        ("boostresnet", (True, True, True)),
    ],
)
def test_a_scale_multiplies_the_proxy_and_not_the_classifiers_cross_entropy(name: str, scaled: tuple) -> None:
    """``scaled``: by loss, in the order of the phases."""
    found = []
    for scale in (1.0, 8.0):
        method = built_as_trained(name, {"scale": scale})
        values = []
        for phase in method.phases():
            set_phase(method, phase)
            values += [loss.item() for loss in method.losses(pictures())]
        found.append(values)
    assert len(found[0]) == len(scaled)
    for one, eight, by in zip(*found, scaled, strict=True):
        assert eight == pytest.approx(8 * one if by else one, rel=1e-5)


def built_as_trained(name: str, options: dict) -> Method:
    """The method on the small network, without dropout, and with its classifier apart where it reads out."""
    method_class = load_class(METHODS / f"{name}.py", Method)
    partition = network(4 if name == "sufficient_labels" else 3)
    method = method_class(partition, TASK, options)
    for part in method.modules.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0
    return method


@pytest.mark.parametrize("name", ["mac", "target_propagation"])
def test_small_changes_of_features_survive_bf16(name: str, digits, loader) -> None:
    """Targets and coordinates lie closer to the features than bf16 tells apart."""
    batch, found = next(loader.epoch(0)), []
    for enabled in (False, True):
        method = make_method(name, 4, digits)
        torch.manual_seed(0)
        computing, done = method.losses(batch), False
        while not done:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                loss = next(computing, None)
            if loss is not None:
                loss.backward()
            done = loss is None
        found.append([torch.cat([p.grad.flatten() for p in m.parameters()]) for m in method.modules])
    for exact, rough in zip(*found, strict=True):
        assert torch.cosine_similarity(exact, rough, dim=0) > 0.97
