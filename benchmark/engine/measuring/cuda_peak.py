"""GPU memory of a training step: what the CUDA allocator held at most, for the step and for nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmark.engine.training.process import free_memory


class CudaPeak:
    """Most bytes that were allocated inside :meth:`measured`, beyond those that were there at the start.

    To be made when the pictures lie on the GPU and before the method does: the data set, and what is left of earlier
    measurements, are then no part of it, and neither is what happens between two stretches that are measured
    (validation, probes). The bytes are those of tensors; the allocator's slack and the CUDA context come on top.
    """

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        self.bytes: int | None = None  # stays so without a GPU
        free_memory()
        self.before = torch.cuda.memory_allocated() if self.cuda else 0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """A stretch of training."""
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        yield
        if self.cuda:
            self.note(torch.cuda.max_memory_allocated())

    def note(self, allocated: int) -> None:
        """So many bytes were allocated in all at a moment of the training."""
        if self.cuda:
            self.bytes = max(self.bytes or 0, allocated - self.before)
