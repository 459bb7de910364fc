"""Second forward passes of one batch: the statistics of BatchNorm must move once a step."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def on_copies_of_buffers(module: nn.Module) -> Iterator[None]:
    """Inside, ``module`` works on copies of its buffers; afterwards it has the originals, untouched."""
    places = [(part, name, b) for part in module.modules() for name, b in part._buffers.items() if b is not None]
    for part, name, buffer in places:
        part._buffers[name] = buffer.clone()
    try:
        yield
    finally:
        for part, name, buffer in places:
            part._buffers[name] = buffer
