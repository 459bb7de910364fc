"""Heads: every layout in, the right shape out, the papers' sizes, and the decoder's algebra."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.objectives import heads, upsampled_conv
from benchmark.engine.objectives.imagenet_heads import ImageNetDecoder
from benchmark.engine.objectives.infopro_objective import InfoProObjective
from benchmark.engine.objectives.norm_relu import NormReLU
from benchmark.engine.pictures.data import Task

FEATURES = [
    Features("map", (6, 12, 12), "NCHW"),
    Features("small", (6, 5, 3), "NCHW"),
    Features("point", (6, 1, 1), "NCHW"),
    Features("last", (4, 4, 6), "NHWC"),
    Features("tokens", (17, 6), "NLC", 1),
    Features("line", (7, 6), "NLC"),
    Features("vector", (6,), "NC"),
]
BUILDERS: dict[str, Callable[[Features], nn.Module]] = {
    "linear": lambda f: heads.LinearHead(f, 5),
    "pooled": lambda f: heads.PooledPredictor(f, 5, 64),
    "mlp_sr": lambda f: heads.SpatialReductionMLP(f, 5),
    "conv": lambda f: heads.ConvHead(f, 5),
}


def output(features: Features, batch: int = 3) -> Tensor:
    return torch.randn(batch, *features.shape, generator=torch.Generator().manual_seed(0))


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize("features", FEATURES, ids=lambda f: f.name)
@pytest.mark.parametrize("name", BUILDERS)
def test_classifying_heads_take_every_layout(name: str, features: Features) -> None:
    head = BUILDERS[name](features)
    logits = head(output(features))
    assert logits.shape == (3, 5)
    (logits**2 + logits).sum().backward()
    assert all(p.grad is not None for p in head.parameters())


@pytest.mark.parametrize("features", FEATURES, ids=lambda f: f.name)
def test_decoder_and_encoder_take_every_layout(features: Features) -> None:
    decoder = heads.Decoder(features, channels=2, image_size=16)
    picture = decoder(output(features))
    assert picture.shape == (3, 2, 16, 16)
    (picture**2).sum().backward()
    assert all(p.grad is not None for p in decoder.parameters())
    assert heads.SameWidthConv(features)(output(features)).shape == (3, 6, *features.size)


def test_the_encoder_of_vectors_is_a_linear_layer() -> None:
    features = Features("vector", (6,), "NC")
    encoder, h = heads.SameWidthConv(features), output(features)
    assert count(encoder) == 36
    torch.testing.assert_close(encoder(h).flatten(1), h @ encoder.conv.weight.T)


def test_linear_head_averages_patches_and_leaves_prefix_tokens_out() -> None:
    features = Features("tokens", (17, 6), "NLC", 1)
    head, h = heads.LinearHead(features, 5), output(features)
    torch.testing.assert_close(head(h), h[:, 1:].mean(1) @ head.linear.weight.T + head.linear.bias)


@pytest.fixture
def in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def plain_decoder(decoder: heads.Decoder, h: Tensor) -> Tensor:
    """The paper's order: upsample, then convolve."""
    h = F.interpolate(h, size=(12, 12), mode="bilinear", align_corners=True)
    h = F.conv2d(h, decoder.mix.weight, decoder.mix.bias, padding=1)
    h = F.batch_norm(h, None, None, decoder.norm.weight, decoder.norm.bias, training=True)
    return F.conv2d(F.relu(h), decoder.paint.weight, decoder.paint.bias, padding=1)


@pytest.mark.parametrize("shape", [(16, 12, 12), (32, 6, 6), (64, 3, 3), (8, 5, 4), (8, 1, 1), (3, 7, 7)])
def test_decoder_equals_upsampling_then_convolving(shape: tuple[int, int, int], in_float64: None) -> None:
    torch.manual_seed(0)
    decoder = heads.Decoder(Features("x", shape, "NCHW"), 3, 12)
    h = torch.randn(4, *shape, requires_grad=True)
    weight = torch.randn(4, 3, 12, 12)
    inputs = [h, *decoder.parameters()]
    got, want = decoder(h), plain_decoder(decoder, h)
    torch.testing.assert_close(got, want)
    got_gradients = torch.autograd.grad((got * weight).sum(), inputs)
    for g, w in zip(got_gradients, torch.autograd.grad((want * weight).sum(), inputs), strict=True):
        torch.testing.assert_close(g, w, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 12, 6, 7), (2, 3, 1, 1), (80, 2, 9, 4)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_norm_relu_equals_its_two_layers(shape: tuple[int, ...], layout: torch.memory_format, in_float64: None) -> None:
    torch.manual_seed(0)
    ours, plain = NormReLU(shape[1]), nn.BatchNorm2d(shape[1])
    with torch.no_grad():
        ours.weight.normal_()
        ours.bias.normal_()
    plain.load_state_dict(ours.state_dict())
    x = (3 + 2 * torch.randn(shape)).contiguous(memory_format=layout).requires_grad_()
    got, want, weight = ours(x), F.relu(plain(x)), torch.randn(shape)
    torch.testing.assert_close(got, want)
    got_gradients = torch.autograd.grad((got * weight).sum(), [x, *ours.parameters()])
    want_gradients = torch.autograd.grad((want * weight).sum(), [x, *plain.parameters()])
    torch.testing.assert_close(got_gradients, want_gradients, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())
    torch.testing.assert_close(ours.eval()(x), F.relu(plain.eval()(x)))


def test_norm_relu_keeps_two_maps_as_its_two_layers_do() -> None:
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda t: t):
        NormReLU(4)(torch.randn(2, 4, 8, 8, requires_grad=True))
    assert sum(t.numel() == 2 * 4 * 8 * 8 for t in kept) == 2


def test_painting_conv_is_a_convolution(in_float64: None) -> None:
    torch.manual_seed(0)
    conv, x = heads.PaintingConv(5, 2), torch.randn(3, 5, 6, 7, requires_grad=True)
    want, weight = F.conv2d(x, conv.weight, conv.bias, padding=1), torch.randn(3, 2, 6, 7)
    inputs = [x, *conv.parameters()]
    torch.testing.assert_close(conv(x), want)
    got_gradients = torch.autograd.grad((conv(x) * weight).sum(), inputs)
    torch.testing.assert_close(got_gradients, torch.autograd.grad((want * weight).sum(), inputs))


@pytest.mark.parametrize("cache", [1, 3 * 8 * 9 * 12 * 16, 2**30])  # pictures at a time: one, three, all
def test_decoder_is_the_same_for_any_number_of_pictures_at_a_time(
    cache: int, in_float64: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsampled_conv, "CACHE", cache)
    test_decoder_equals_upsampling_then_convolving((64, 4, 4), None)


def test_decoder_never_holds_the_upsampled_map() -> None:
    decoder = heads.Decoder(Features("x", (64, 4, 4), "NCHW"), 3, 16)
    shapes = []

    def keep(t: Tensor) -> Tensor:
        shapes.append(tuple(t.shape))
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        decoder(torch.randn(8, 64, 4, 4, requires_grad=True))
    assert decoder.mix.folds
    assert (8, 12, 16, 16) in shapes
    assert all(torch.Size(shape).numel() <= 8 * 12 * 16 * 16 for shape in shapes)


@pytest.mark.parametrize(
    ("channels", "small", "folds"), [(16, 32, False), (32, 16, True), (64, 8, True), (3, 16, False)]
)
def test_decoder_folds_where_that_saves_work(channels: int, small: int, folds: bool) -> None:
    decoder = heads.Decoder(Features("x", (channels, small, small), "NCHW"), 3, 32)
    assert decoder.mix.folds == folds
    assert set(decoder.state_dict()) == set(heads.Decoder(Features("x", (16, 32, 32), "NCHW"), 3, 32).state_dict())


def test_decoder_of_a_map_of_the_pictures_size_does_not_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = heads.Decoder(Features("x", (8, 16, 16), "NCHW"), 3, 16)
    monkeypatch.setattr(F, "interpolate", None)
    assert decoder(torch.randn(2, 8, 16, 16)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize(
    ("channels", "size", "limit", "expected"),
    [
        (256, 32, 4096, (4, 4)),
        (16, 32, 4096, (16, 16)),
        (32, 16, 4096, (8, 16)),
        (64, 8, 4096, (8, 8)),
        (512, 4, 2048, (2, 2)),
        (8192, 4, 4096, (1, 1)),
        (3, 7, 50, (4, 4)),
    ],
)
def test_predictor_pools_until_it_fits(channels: int, size: int, limit: int, expected: tuple[int, int]) -> None:
    assert heads.pooled_size(channels, (size, size), limit) == expected


def test_predictor_starts_at_zero() -> None:
    features = FEATURES[0]
    assert not heads.PooledPredictor(features, 5, 64)(output(features)).any()


# InfoPro's own code on ResNet-32 (contrast, 1c2f, 128-d), which builds every decoder and head.
STAGES = {"1": (16, 32, 32), "2": (32, 16, 16), "3": (64, 8, 8)}


@pytest.mark.parametrize(("cuts", "published"), [("2", 47_211), ("123", 143_809)])
def test_infopro_heads_have_the_size_of_the_papers(cuts: str, published: int) -> None:
    features = [Features("x", STAGES[stage], "NCHW") for stage in cuts]
    parts = [part for f in features for part in (heads.Decoder(f, 3, 32), heads.ConvHead(f, 128))]
    assert count(*parts) == published


def test_infopros_heads_for_large_pictures_are_those_of_its_imagenet_code(in_float64: None) -> None:
    """Sizes by hand, of what stands behind 512 channels of 28 x 28 positions; the decoder in its plain order."""
    task = Task(1000, 224, 3, (0.5,) * 3, (0.25,) * 3)
    made = InfoProObjective(Features("x", (512, 28, 28), "NCHW"), task, (5, 0.75), "softmax")
    convolutions = 512 * 128 + 128 * 256 * 9 + 256 * 512 * 9 + 512 * 2048
    assert count(made.head) == convolutions + 2 * (128 + 256 + 512 + 2048) + 2048 * 1000 + 1000
    norms = 2 * (128 + 32 + 12)
    assert count(made.decoder) == 513 * 128 + (128 * 9 + 1) * 32 + (32 * 9 + 1) * 12 + (12 * 9 + 1) * 3 + norms
    small = InfoProObjective(Features("x", (8, 3, 3), "NCHW"), replace(task, image_size=96), (5, 0.75), "softmax")
    assert isinstance(small.head, heads.ConvHead)

    decoder, h = ImageNetDecoder(Features("x", (8, 3, 3), "NCHW"), 3, 128), torch.randn(2, 8, 3, 3)
    weights = iter(decoder.parameters())
    want = h
    for side, padding in ((3, 0), (32, 1), (64, 1), (128, 1)):
        want = F.interpolate(want, size=(side, side), mode="bilinear", align_corners=True)
        want = F.conv2d(want, next(weights), next(weights), padding=padding)
        if side < 128:
            want = F.batch_norm(want, None, None, next(weights), next(weights), training=True).relu()
    torch.testing.assert_close(decoder(h), want)


def test_mlp_sr_has_the_width_of_the_papers() -> None:
    head = heads.SpatialReductionMLP(Features("x", (128, 32, 32), "NCHW"), 10)
    assert head.reduced == (8, 8)
    convs = 3 * (128 * 128 + 2 * 128)
    assert count(head) == convs + 3 * (512 * 512 + 512 + 2 * 512) + 512 * 10 + 10
