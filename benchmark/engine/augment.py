"""Random crop, horizontal flip and normalisation of whole batches of uint8 pictures."""

from __future__ import annotations

import torch
from torch import Tensor


def crop_and_flip(images: Tensor, offsets: Tensor, flips: Tensor, pad: int, padding: str) -> Tensor:
    raise NotImplementedError


class Normalise:
    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device, channels_last: bool) -> None:
        self.channels_last = channels_last

    def __call__(self, raw: Tensor) -> Tensor:
        raise NotImplementedError
