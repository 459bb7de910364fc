"""Training in bf16: forward passes under autocast and nothing else, near fp32, and metered as what it is."""

import pytest
import torch
import torch.nn.functional as F
from conftest import METHOD_IDS, make_method, small_suite
from torch import nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.load import load_method
from benchmark.engine.measuring.cost import simulate
from benchmark.engine.measuring.examiner import Examiner
from benchmark.engine.measuring.isolation import leak_at_start
from benchmark.engine.measuring.reality import check_simulation, real_steps
from benchmark.engine.measuring.world import World
from benchmark.engine.objectives import heads, losses
from benchmark.engine.training.precision import Losses
from benchmark.engine.training.train import build_optimizers, set_phase, train_phase, train_step

CPU = torch.device("cpu")
FP32 = small_suite().recipe
BF16 = FP32.model_copy(update={"precision": "bf16"})
STEPS = 4
# Mean difference of a few steps' losses over their mean size. Found: at most 0.02, and for most below 0.002.
NEAR = 0.05
TRAINED = [name for name in METHOD_IDS if name != "untrained"]
FLOAT32 = ("zeroth_order",)  # which compares losses, in fp32 whatever the recipe says
METERED = ["ddg", "e2ebp", "fa", "forward_forward", "gradient_checkpointing", "hsic_bottleneck", "infopro"]
METERED += ["layerwise_hsic", "target_propagation"]
VARIANTS = [
    pytest.param(name, variant, marks=pytest.mark.further if place else ())
    for name in TRAINED
    for place, variant in enumerate(load_method(name).variants or [""])
]


def build(name, digits, variant="", k=4):
    return make_method(name, k, digits, dict(load_method(name).variants.get(variant, {})))


def trained(method, recipe, batches):
    """Losses of some steps of each phase."""
    torch.manual_seed(0)
    seen = []
    for phase in method.phases():
        set_phase(method, phase)
        optimizers = build_optimizers(method, recipe, phase)
        for batch in batches[: STEPS + method.lag]:
            seen += train_step(method, batch, optimizers)
    return torch.stack(seen).double()


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_every_method_trains_in_bf16_near_fp32(name, variant, digits, loader):
    batches = [*loader.epoch(0), *loader.epoch(1)]
    wide, narrow = (trained(build(name, digits, variant), recipe, batches) for recipe in (FP32, BF16))
    assert narrow.isfinite().all()
    assert torch.equal(wide, narrow) == (name in FLOAT32)
    assert (wide - narrow).abs().mean() <= NEAR * wide.abs().mean()


@pytest.mark.parametrize("name", METERED)
def test_a_simulation_is_of_the_precision_that_trains(name, digits, loader):
    batch = next(loader.epoch(0))
    wide, narrow = (simulate(lambda: build(name, digits), recipe, digits.task, 64) for recipe in (FP32, BF16))
    check_simulation(narrow, real_steps(lambda: build(name, digits), BF16, batch)[0])
    assert narrow.peak_bytes <= 1.02 * wide.peak_bytes  # a bf16 copy of all weights, where maps are as small as here
    assert narrow.step_flops == wide.step_flops


def test_backpropagation_needs_less_memory_in_bf16(digits):
    wide, narrow = (simulate(lambda: build("e2ebp", digits), recipe, digits.task, 64) for recipe in (FP32, BF16))
    assert narrow.peak_bytes < 0.85 * wide.peak_bytes
    assert narrow.saved_bytes < 0.8 * wide.saved_bytes


@pytest.mark.parametrize("name", ["boostresnet", "dfa", "dni", "infopro", "man", "similarity_matching"])
def test_isolation_is_found_in_bf16_too(name, digits, loader):
    batches = list(loader.epoch(0))

    def fresh():
        return World(build(name, digits), BF16, CPU)

    assert leak_at_start(fresh, lambda phase, count: batches[:count]) is None


@pytest.mark.parametrize("name", ["dfa", "dni", "man"])  # whose steps hang on what comes from above
def test_steps_made_again_in_bf16_are_the_same_to_the_bit(name, digits, loader):
    method, batch = build(name, digits), next(loader.epoch(0))
    _, steps = real_steps(lambda: build(name, digits), BF16, batch)
    examiner = Examiner(lambda: World(build(name, digits), BF16, CPU), steps)
    torch.manual_seed(0)
    for index, phase in enumerate(method.phases()):
        train_phase(method, phase, loader, BF16, lambda: None, index=index, watch=examiner)
    assert examiner.leak is None


class Seen:
    """A method whose parts note whether autocast is on."""

    def __init__(self, method):
        self.method, self.notes = method, []
        self.original = method.losses
        method.losses, method.after_step = self.losses, lambda k: self.note("after the step")

    def note(self, where):
        self.notes.append((where, torch.is_autocast_enabled("cpu")))

    def losses(self, batch):
        for loss in self.original(batch):
            self.note("forward")
            loss.register_hook(lambda gradient: self.note("backward"))
            yield loss


def test_autocast_is_around_the_forward_passes_and_nothing_else(digits, loader):
    method = build("greedy_sl", digits)
    seen = Seen(method)
    validated = []
    train_phase(method, method.phase, loader, BF16, lambda: validated.append(torch.is_autocast_enabled("cpu")))
    assert set(seen.notes) == {("forward", True), ("backward", False), ("after the step", False)}
    assert set(validated) == {False}


def test_weights_gradients_and_optimisers_stay_in_fp32(digits, loader):
    method = build("infopro", digits)
    set_phase(method, method.phase)
    optimizers = build_optimizers(method, BF16, method.phase)
    for loss in Losses(method, next(loader.epoch(0)), "bf16"):
        loss.backward()
    weights = [*method.modules.parameters(), *method.auxiliaries.parameters()]
    assert {p.grad.dtype for p in weights} == {p.dtype for p in weights} == {torch.float32}
    train_step(method, next(loader.epoch(0)), optimizers)
    state = [t for o in optimizers.values() for s in o.state.values() for t in s.values() if t is not None]
    assert {t.dtype for t in [*state, *method.modules.buffers()] if t.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize(("name", "handed"), [("fa", torch.float32), ("e2ebp", torch.float32), ("dgl", torch.bfloat16)])
def test_layers_compute_in_bf16_and_features_that_may_be_compared_are_fp32(name, handed, digits, loader):
    method, inside, outside = build(name, digits), [], []
    for layer in (part for part in method.modules.modules() if isinstance(part, nn.Conv2d)):
        layer.register_forward_hook(lambda layer, args, out: inside.append(out.dtype))
    for module in method.modules:
        module.register_forward_hook(lambda module, args, out: outside.append(out.dtype))
    hooks = [len(module._forward_hooks) for module in method.modules]
    train_step(method, next(loader.epoch(0)), build_optimizers(method, BF16, method.phase))
    assert set(inside) == {torch.bfloat16}
    assert set(outside) == {handed}
    assert [len(module._forward_hooks) for module in method.modules] == hooks


def test_a_module_that_has_stepped_is_seen_with_its_new_weights(digits, loader):
    """A cache of weights in bf16 that lasted longer than a step would show the old ones."""
    method, batch = build("greedy_sl", digits), next(loader.epoch(0))
    assert method.steps_early
    seen, original = [], method.losses

    def losses(batch):
        for loss in original(batch):
            seen.append(method.modules[0](batch.x))
            yield loss
            seen.append(method.modules[0](batch.x))

    method.losses = losses
    train_step(method, batch, build_optimizers(method, BF16, method.phase))
    assert not torch.equal(seen[0], seen[1])


def test_weights_that_ran_without_gradients_first_get_theirs(digits, loader):
    method, batch = build("e2ebp", digits), next(loader.epoch(0))

    def losses(batch):
        with torch.no_grad():
            method.predict(batch.x)
        yield F.cross_entropy(method.predict(batch.x), batch.y)

    method.losses = losses
    for loss in Losses(method, batch, "bf16"):
        loss.backward()
    assert all(p.grad is not None for p in method.modules.parameters())


NARROW = torch.randn(64, 10, generator=torch.Generator().manual_seed(0)).bfloat16()
SUMS = {
    "cross_entropy": lambda z: F.cross_entropy(z, torch.arange(64) % 10),
    "log_softmax": lambda z: z.log_softmax(1),
    "logsumexp": lambda z: z.logsumexp(1),
    "softplus": F.softplus,
    "binary_cross_entropy": lambda z: F.binary_cross_entropy_with_logits(z, torch.ones_like(z)),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_exponentials_are_in_fp32_under_autocast(name):
    """Of methods' files, too, which call torch itself."""
    narrow = NARROW.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = SUMS[name](narrow)
    found.sum().backward()
    wide = NARROW.float().requires_grad_()
    SUMS[name](wide).sum().backward()
    assert torch.equal(found, SUMS[name](NARROW.float()))
    assert torch.equal(narrow.grad, wide.grad.bfloat16())
    assert SUMS[name](NARROW).dtype == torch.bfloat16  # without autocast torch's own


DRAWN = torch.Generator().manual_seed(0)
FEATURES = torch.randn(32, 12, generator=DRAWN)
LABELS = torch.arange(32) % 4
KERNEL = FEATURES @ FEATURES.T
OBJECTIVES = {
    "reconstruction": lambda v: losses.reconstruction(v, FEATURES.sigmoid()),
    "supervised_contrastive": lambda v: losses.supervised_contrastive(v, LABELS),
    "similarity_matrix": losses.similarity_matrix,
    "similarity_matching": lambda v: losses.similarity_matching(v, LABELS, 4),
    "kernel_alignment": lambda v: losses.kernel_alignment(F.normalize(v.relu(), dim=1), LABELS),
    "nt_xent": lambda v: losses.nt_xent(v[:16], v[16:], 0.1),
    "info_nce": lambda v: losses.info_nce(v, v, LABELS[:, None]),
    "gaussian_kernel": lambda v: losses.gaussian_kernel(v, 1.0),
    "nhsic": lambda v: losses.nhsic(losses.gaussian_kernel(v, 1.0), KERNEL),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_compute_in_fp32_under_autocast(name):
    with torch.autocast("cpu", torch.bfloat16):
        found = OBJECTIVES[name](FEATURES)
    assert torch.equal(found, OBJECTIVES[name](FEATURES))


def test_a_bf16_tensor_is_given_to_an_objective_as_fp32():
    narrow = FEATURES.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = losses.supervised_contrastive(narrow, LABELS)
    loss.backward()
    assert torch.equal(loss, losses.supervised_contrastive(narrow.detach().float(), LABELS))
    assert narrow.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("size", [4, 12, 16])  # folded, resampled, as it is
def test_a_decoder_in_bf16_is_near_the_one_in_fp32(size):
    torch.manual_seed(0)
    decoder = heads.Decoder(Features("map", (6, size, size), "NCHW"), channels=3, image_size=16)
    h = torch.randn(8, 6, size, size).contiguous(memory_format=torch.channels_last).requires_grad_()
    gradient = torch.randn(8, 3, 16, 16)
    found = []
    for on in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=on):
            out = decoder(h)
        out.backward(gradient.to(out.dtype))
        found.append((out.float(), h.grad, decoder.mix.weight.grad, decoder.norm.weight.grad))
        h.grad = None
        decoder.zero_grad()
    for i, (wide, narrow) in enumerate(zip(*found, strict=True)):
        assert (wide - narrow).norm() <= (0.08 if i else 0.01) * wide.norm()  # gradients pass ReLUs that rounding tips
