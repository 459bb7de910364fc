"""Whether CUDA may round fp32: TF32 keeps 10 of the 23 bits of what convolutions and matrix products are given.

The policy stands here alone: fp32 means fp32, and only a recipe of ``precision: tf32`` trains with such rounding. torch
by itself rounds in convolutions and not in matrix products. On a processor fp32 stays fp32.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmark.schema.recipe import Precision


def set_tf32(precision: Precision) -> None:
    """From now on this process trains in ``precision``."""
    _allow(precision == "tf32", precision == "tf32")


@contextmanager
def tf32_of(precision: Precision) -> Iterator[None]:
    """Inside, fp32 is rounded as ``precision`` says; afterwards as it was before."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    set_tf32(precision)
    try:
        yield
    finally:
        _allow(*before)


def _allow(convolutions: bool, matrix_products: bool) -> None:
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.backends.cuda.matmul.allow_tf32 = matrix_products
