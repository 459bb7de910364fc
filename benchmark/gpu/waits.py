"""Where a training step makes its process wait for the GPU: whoever reads a number of a tensor waits for all before it.

On CUDA torch itself notices each wait. On a CPU nobody waits, so the operations are looked for that would.
"""

import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import benchmark

TOP = Path(benchmark.__file__).parent.parent
PACKAGES = "-packages/"
aten = torch.ops.aten
READS = {
    *(aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.is_nonzero),
    *(aten._unique2, aten.unique_dim, aten.unique_consecutive, aten.repeat_interleave),
}  # their outcome, or its shape, is known to the process once the device has computed it
WAITS = "called a synchronizing CUDA operation"
UNREPEATABLE = "does not have a deterministic implementation"


class Waits:
    """A context for steps; afterwards ``places`` and ``unrepeatable`` say what was seen in them.

    Attributes:
        places: lines, ``methods/x.py:12``, at which steps waited, or would on a GPU.
        unrepeatable: operations that CUDA cannot repeat to the bit.
    """

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"
        self.places: set[str] = set()
        self.unrepeatable: set[str] = set()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Around one step."""
        if not self.cuda:
            reads = _Reads(self.places)
            with reads, _UncheckedOneHot(reads):
                yield
            return
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                yield
            finally:
                torch.cuda.set_sync_debug_mode("default")
                for warning in heard:
                    self._hear(str(warning.message), f"{_short(warning.filename)}:{warning.lineno}")

    def _hear(self, said: str, place: str) -> None:
        if WAITS in said:
            self.places.add(place)
        elif UNREPEATABLE in said:
            self.unrepeatable.add(said.partition(UNREPEATABLE)[0].strip())


class _Reads(TorchDispatchMode):
    """Notes the lines of ours at which a number is read out of a tensor."""

    def __init__(self, places: set[str]) -> None:
        super().__init__()
        self.places, self.looks = places, True

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        packet = func.overloadpacket  # type: ignore[attr-defined]
        if self.looks and (packet in READS or (packet is aten.index and _by_a_mask(args))):
            self.places.add(_line())
        return func(*args, **(kwargs or {}))


class _UncheckedOneHot(TorchFunctionMode):
    """``F.one_hot`` reads the classes on a CPU alone, to see whether they are any; CUDA looks where it writes them."""

    def __init__(self, reads: _Reads) -> None:
        super().__init__()
        self.reads = reads

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.reads.looks = func is not F.one_hot
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.reads.looks = True


def _by_a_mask(args: tuple) -> bool:
    return any(isinstance(each, Tensor) and each.dtype == torch.bool for each in args[1])


def _line() -> str:
    """The innermost line on the stack that is no package's, nor of this file."""
    frames = traceback.extract_stack()
    frame = next(f for f in reversed(frames) if PACKAGES not in f.filename and f.filename != __file__)
    return f"{_short(frame.filename)}:{frame.lineno}"


def _short(name: str) -> str:
    """A file of the repository or of a package, without the folders before that."""
    if PACKAGES in name:
        return name.rpartition(PACKAGES)[2]
    path = Path(name)
    return str(path.relative_to(TOP)) if path.is_relative_to(TOP) else name
