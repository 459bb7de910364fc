"""A training process and its GPU, on a machine without one: what is asked of torch.cuda is looked at, not computed."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
import torch.utils.deterministic
from conftest import make_method
from handmade import RECIPE, build, pictures
from torch import nn

from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.training import process
from benchmark.engine.training.method import Phase
from benchmark.engine.training.process import lay_out, place, prepare_process
from benchmark.engine.training.seeding import forked_rng, own_randomness, seeded
from benchmark.engine.training.tf32 import tf32_of
from benchmark.engine.training.train import train_phase

CUDA = torch.device("cuda")


@pytest.fixture
def _settings_put_back():
    threads, fill = torch.get_num_threads(), torch.utils.deterministic.fill_uninitialized_memory
    with tf32_of("fp32"):
        yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = fill
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_settings_put_back")
def test_deterministic_mode_does_not_fill_empty_tensors():
    prepare_process("cuda")
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.usefixtures("_settings_put_back")
@pytest.mark.parametrize(("precision", "rounded"), [("fp32", False), ("bf16", False), ("tf32", True)])
def test_fp32_is_rounded_to_tf32_where_the_recipe_says_so_alone(precision, rounded):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not rounded
    prepare_process("cuda", precision)
    assert torch.backends.cudnn.allow_tf32 == torch.backends.cuda.matmul.allow_tf32 == rounded


@pytest.fixture
def four_gpus(monkeypatch):
    """Four GPUs, of which this process has opened none; each touch of a generator is noted."""
    gpus = SimpleNamespace(opened=False, touched=[])

    def get(device):
        gpus.touched.append(("get", device))
        return f"state of {device}"

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: gpus.opened)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", get)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: gpus.touched.append((state, device)))
    return gpus


@pytest.mark.parametrize("fork", [forked_rng, own_randomness, lambda: seeded("weights", 0)])
def test_a_cpu_suite_opens_no_gpu(four_gpus, fork):
    before = torch.get_rng_state()
    with fork():
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert four_gpus.touched == []


def test_checking_isolation_opens_no_gpu(four_gpus):
    moved_modules(build("dgl"), pictures(8))
    assert four_gpus.touched == []


def test_on_a_gpu_the_generator_in_use_is_put_back_and_no_other_touched(four_gpus):
    four_gpus.opened = True
    with seeded("weights", 0):
        pass
    assert four_gpus.touched == [("get", 2), ("state of 2", 2)]


@pytest.fixture
def allocator(monkeypatch):
    """The CUDA allocator's books, kept by hand."""
    books = SimpleNamespace(now=0, peak=0)

    def allocate(amount):
        books.now += amount
        books.peak = max(books.peak, books.now)

    books.allocate = allocate
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: books.now)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: books.peak)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: setattr(books, "peak", books.now))
    return books


def test_the_cuda_peak_is_that_of_training_steps_without_data_leftovers_and_evaluation(allocator):
    allocator.allocate(5000)  # of the cost measurement
    allocator.allocate(-4900)  # 100 of it stay
    allocator.allocate(1000)  # pictures
    peak = CudaPeak(CUDA)
    allocator.allocate(30)  # weights
    for step in (7, 12, 3):
        with peak.measured():
            allocator.allocate(step)
            allocator.allocate(-step)
        allocator.allocate(700)  # validation
        allocator.allocate(-700)
    assert peak.bytes == 30 + 12


def test_without_a_gpu_there_is_no_cuda_peak():
    peak = CudaPeak(torch.device("cpu"))
    with peak.measured():
        pass
    assert peak.bytes is None


def test_training_is_metered_and_evaluation_is_not(digits, loader):
    events = []

    @contextmanager
    def metered():
        events.append("on")
        yield
        events.append("off")

    def validate():
        events.append("validation")

    method = make_method("greedy_sl", 2, digits)
    recipe = RECIPE.model_copy(update={"epochs": 2})
    train_phase(method, Phase((0, 1)), loader, recipe, validate, metered=metered)
    assert events == ["on", "off", "validation"] * 2


def _convolutions(method):
    return [m.weight for m in method.modules.modules() if isinstance(m, nn.Conv2d)]


def test_weights_are_laid_out_as_pictures_are_and_keep_their_values(digits):
    method, x = make_method("greedy_sl", 2, digits), torch.rand(2, 1, 8, 8)
    before = [w.clone() for w in _convolutions(method)]
    expected = method.modules.eval() and method.predict(x)
    lay_out(method.modules, torch.channels_last)
    for weight, old in zip(_convolutions(method), before, strict=True):
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert isinstance(weight, nn.Parameter)
        assert torch.equal(weight, old)
    assert torch.allclose(method.predict(x), expected, atol=1e-5)


@pytest.mark.parametrize(("device", "laid_out"), [("cpu", False), ("cuda", True)])
def test_weights_are_laid_out_on_cuda_only(digits, monkeypatch, device, laid_out):
    method = make_method("greedy_sl", 2, digits)
    monkeypatch.setattr(nn.Module, "to", lambda self, device: self)  # no GPU to move to here
    done = []
    monkeypatch.setattr(process, "lay_out", lambda part, layout: done.append(layout))
    assert place(method, torch.device(device)) is method
    assert done == ([torch.channels_last] * 2 if laid_out else [])
