"""In which precision a training step computes: fp32 (tf32: rounded), or bf16 forward passes on fp32 weights.

With ``bf16`` what a method does between two losses runs under autocast; each backward pass runs outside, in the types
that the forward pass left, as torch recommends. Gradients of weights, optimisers and evaluation are in fp32.
``tf32`` is fp32 whose inputs CUDA may round, a setting of the process (:mod:`benchmark.engine.training.tf32`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmark.engine.objectives.autocast import widened
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import LocalMethod, Method, ModularMethod
from benchmark.engine.training.recompute import recomputing
from benchmark.errors import UserError
from benchmark.schema.recipe import Precision, Recompute


class Optimizers(dict[int, Optimizer]):
    """The optimiser of each module that a phase trains, by module, and the precision of the steps that they make.

    And whether units are computed again (:mod:`benchmark.engine.training.recompute`), and who makes the steps where
    batches are made in parts (:mod:`benchmark.engine.training.averaging`).
    """

    def __init__(self, optimizers: dict[int, Optimizer], precision: Precision, recompute: Recompute = "none") -> None:
        super().__init__(optimizers)
        self.precision, self.recompute = precision, recompute
        self.averaging: Any = None


def precision_of(optimizers: dict[int, Optimizer]) -> Precision:
    """The precision of the steps; of optimisers that somebody put together by hand: fp32."""
    return optimizers.precision if isinstance(optimizers, Optimizers) else "fp32"


def recompute_of(optimizers: Mapping[int, Optimizer]) -> Recompute:
    """What the steps compute again; of optimisers that somebody put together by hand: nothing."""
    return optimizers.recompute if isinstance(optimizers, Optimizers) else "none"


class Losses(Iterator[Tensor]):
    """The losses of a method on a batch, in turn, each computed in ``precision``.

    Autocast is entered around each step of the generator: were it entered inside, it would still be on when the
    generator has yielded, for the backward pass and the optimiser.
    """

    def __init__(self, method: Method, batch: Batch, precision: Precision, recompute: Recompute = "none") -> None:
        self.computing = _computing(method, batch.x.device, precision)
        self.recomputing = nullcontext if recompute == "none" else partial(recomputing, method.modules)
        with self.computing():
            losses = method.losses(batch)
        if isinstance(losses, Tensor) or not isinstance(losses, Iterable):
            raise UserError(f"`losses` returns a {type(losses).__name__}, but must yield one loss after the other.")
        self.losses = iter(losses)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Tensor:
        with self.computing(), self.recomputing():
            loss = next(self.losses)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
            raise UserError(f"A loss is {found}, but must be a tensor of one number, such as the mean over a batch.")
        return loss


def _computing(method: Method, device: torch.device, precision: Precision) -> Callable[[], AbstractContextManager]:
    if precision != "bf16":
        return nullcontext
    handing_on = isinstance(method, LocalMethod | ModularMethod)  # in the general form features may be compared
    parts = [*method.auxiliaries] if handing_on else [*method.modules, *method.auxiliaries]

    @contextmanager
    def computing() -> Iterator[None]:
        # no cache of weights: it would outlive their steps, and hand copies made under no_grad to who needs gradients
        with torch.autocast(device.type, torch.bfloat16, cache_enabled=False), _handing_out_float32(parts):
            yield

    return computing


@contextmanager
def _handing_out_float32(parts: list[nn.Module]) -> Iterator[None]:
    """Inside, what each of the parts puts out is fp32.

    Targets and coordinates are small differences of features: of a step of 0.2 % nothing would be left in bf16. And
    what methods make of the logits of heads is small to compute, and large in its sums.
    """
    with ExitStack() as hooks:
        for part in parts:
            # before other hooks, so that they see what the next module sees
            hooks.callback(part.register_forward_hook(_widen_output, prepend=True).remove)
        yield


def _widen_output(module: nn.Module, args: tuple, out: Any) -> Any:
    return widened(out) if isinstance(out, Tensor) else out
