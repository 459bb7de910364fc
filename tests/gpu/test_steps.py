"""What the check of a GPU compares steps with: random numbers of the CPU, and lines at which somebody waits."""

import torch
import torch.nn.functional as F

from benchmark.gpu.draws import DrawnOnTheCpu
from benchmark.gpu.steps import _difference
from benchmark.gpu.waits import Waits


def test_what_a_device_draws_comes_from_the_generator_of_the_cpu():
    x = torch.ones(8, device="meta")
    torch.manual_seed(0)
    expected = [torch.rand(4), torch.randint(9, (3,)), torch.empty(5).normal_(), torch.rand(2)]
    torch.manual_seed(0)
    with DrawnOnTheCpu():
        torch.rand(4, device="meta")
        torch.randint(9, (3,), device="meta")
        filled = torch.empty(5, device="meta")
        assert filled.normal_() is filled
        dropped, kept = torch.native_dropout(x, 0.5, train=False)
        assert dropped.is_meta
        assert kept.is_meta
    assert torch.equal(torch.rand(2), expected[-1])


def test_a_step_that_reads_a_number_is_found_with_its_line():
    waits, x = Waits("cpu"), torch.arange(4.0)
    with waits():
        x.sum().relu()
        x[torch.tensor([0, 1])]
        F.one_hot(torch.tensor([0, 1]), 3)  # waits on no GPU
    assert waits.places == set()
    for read in (lambda: x.sum().item(), lambda: x[x > 1], lambda: bool(x.any()), lambda: x.nonzero()):
        waits = Waits("cpu")
        with waits():
            read()
        (place,) = waits.places
        assert place.startswith("tests/gpu/test_steps.py:")


def test_what_cuda_warns_of_is_told_apart():
    waits = Waits("cuda")
    waits._hear("called a synchronizing CUDA operation (Triggered internally at x.cpp:1.)", "methods/dgl.py:3")
    waits._hear("adaptive_max_pool2d_backward_cuda does not have a deterministic implementation, but you set", "x.py:1")
    waits._hear("something else", "x.py:1")
    assert waits.places == {"methods/dgl.py:3"}
    assert waits.unrepeatable == {"adaptive_max_pool2d_backward_cuda"}


def test_losses_that_are_missing_or_no_numbers_differ_infinitely():
    assert _difference([1.0, 200.0], [1.5, 200.0]) == 0.5 / 1.5
    assert _difference([1.0], [1.0, 2.0]) == _difference([1.0], [float("nan")]) == float("inf")
