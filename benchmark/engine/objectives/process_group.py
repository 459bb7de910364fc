"""Several processes that train one cell, each on its share of every batch: what they tell each other.

Where one process has the whole batch there is no group, and none of this runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those of its cell, which are one default group of ``torch.distributed``.

    Args:
        control: a group of the same processes on their processors, for words; none: the default one is.
    """

    rank: int
    size: int
    control: Any = None

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        dist.all_reduce(tensor)
        return tensor

    def sum_later(self, tensor: Tensor) -> Any:
        """The same, under way: what is returned is to be waited for (on CUDA: by the stream, not by the host)."""
        return dist.all_reduce(tensor, async_op=True)

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over all processes, in place."""
        return self.sum(tensor).div_(self.size)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensor of each process, in their order; all have one shape."""
        tensor = tensor.contiguous()
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        dist.all_gather(found, tensor)
        return found

    def broadcast(self, tensors: list[Tensor]) -> None:
        """All take over, in place, what the first process has."""
        for tensor in tensors:
            whole = tensor.detach().contiguous()
            dist.broadcast(whole, 0)
            tensor.data.copy_(whole)

    def tell(self, said: Any) -> list[Any]:
        """What each process says, in their order."""
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, said, self.control)
        return found

    def follow(self, answers: list[bool]) -> list[bool]:
        """What the first process answers; no GPU waits for it."""
        found = torch.tensor(answers, dtype=torch.uint8)
        dist.broadcast(found, 0, self.control)
        return [bool(answer) for answer in found.tolist()]


@dataclass
class Together:
    """What is computed over the batch of all processes at this moment of this process; a group of none: its own."""

    norms: ProcessGroup | None = None
    objectives: ProcessGroup | None = None

    @contextmanager
    def over(self, norms: ProcessGroup | None, objectives: ProcessGroup | None) -> Iterator[None]:
        """Inside, BatchNorm and objectives see the whole batch of these groups, in all threads: autograd has some."""
        before = self.norms, self.objectives
        self.norms, self.objectives = norms, objectives
        try:
            yield
        finally:
            self.norms, self.objectives = before


TOGETHER = Together()  # one a process, as the group is
