"""Stages that are processes reach each other by ``torch.distributed``: NCCL between GPUs, else Gloo."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
AXES = 6  # of a tensor that is handed on, at most


class _Sent(NamedTuple):
    """What must live until it has gone out."""

    tensors: tuple[Tensor, ...]
    work: list[dist.Work]


class ProcessChannel:
    """The channel of the module whose number is this process's rank, once the process group stands."""

    def __init__(self, device: torch.device) -> None:
        self.own, self.device = dist.get_rank(), device
        staged = dist.get_backend() == "gloo"  # which sends from processors' memory alone
        self.between = torch.device("cpu") if staged else device
        self.sent: _Sent | None = None

    def receive(self) -> Tensor:
        """The output of the module before this one, in the memory layout that it had there."""
        head = torch.empty(2 + 2 * AXES, dtype=torch.int64, device=self.between)
        dist.recv(head, self.own - 1)
        dtype, axes, *sizes = head.tolist()
        shape, strides = sizes[:axes], sizes[AXES : AXES + axes]
        h = torch.empty_strided(shape, strides, dtype=DTYPES[dtype], device=self.between)
        dist.recv(_flat(h), self.own - 1)
        return h.to(self.device)

    def hand_on(self, h: Tensor) -> None:
        """Send ``h`` to the module after this one; waits for the send before it, so that none runs far ahead."""
        self._wait()
        h = h.to(self.between)
        if not _is_dense(h):
            h = h.contiguous()
        padding = [0] * (AXES - h.dim())
        said = [DTYPES.index(h.dtype), h.dim(), *h.shape, *padding, *h.stride(), *padding]
        head = torch.tensor(said, device=self.between)
        work = [dist.isend(tensor, self.own + 1) for tensor in (head, _flat(h))]
        self.sent = _Sent((head, h), [w for w in work if w])

    def share(self, owner: int, tensors: Sequence[Tensor]) -> None:
        """Overwrite ``tensors`` with those of the ``owner``."""
        self._wait()
        for tensor in tensors:
            moved = tensor.to(self.between).contiguous()
            dist.broadcast(moved, owner)
            if self.own != owner:
                tensor.copy_(moved)

    def total(self, numbers: Sequence[float]) -> tuple[float, ...]:
        """The sums of each of the ``numbers`` over all processes."""
        sums = torch.tensor(numbers, dtype=torch.float64, device=self.between)
        dist.all_reduce(sums)
        return tuple(sums.tolist())

    def _wait(self) -> None:
        for work in self.sent.work if self.sent else ():
            work.wait()
        self.sent = None


def _flat(h: Tensor) -> Tensor:
    """The memory of a tensor without holes, as bytes, in its order."""
    return h.as_strided((h.numel(),), (1,)).view(torch.uint8)


def _is_dense(h: Tensor) -> bool:
    """Whether its numbers stand one beside the other, in whatever order."""
    order = sorted(range(h.dim()), key=lambda axis: (h.stride(axis), h.shape[axis]))
    expected = 1
    for axis in order:
        if h.shape[axis] != 1 and h.stride(axis) != expected:
            return False
        expected *= h.shape[axis]
    return True
