"""In which precision a training step computes: fp32, or bf16 forward passes on fp32 weights.

With ``bf16`` what a method does between two losses runs under autocast; each backward pass runs outside, in the types
that the forward pass left, as torch recommends. Gradients of weights, optimisers and evaluation are in fp32.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from benchmark.engine.objectives.autocast import widened
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.schema.recipe import Precision

# Autocast leaves them in bf16 on a CPU, and their sums of exponentials need more than its 8 bits.
IN_FLOAT32 = {
    F.cross_entropy,
    F.nll_loss,
    *(F.log_softmax, torch.log_softmax, Tensor.log_softmax),
    *(torch.logsumexp, Tensor.logsumexp),
    *(F.binary_cross_entropy_with_logits, F.softplus),
}
PRODUCTS = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm}


class Optimizers(dict[int, Optimizer]):
    """The optimiser of each module that a phase trains, by module, and the precision of the steps that they make."""

    def __init__(self, optimizers: dict[int, Optimizer], precision: Precision) -> None:
        super().__init__(optimizers)
        self.precision = precision


def precision_of(optimizers: dict[int, Optimizer]) -> Precision:
    """The precision of the steps; of optimisers that somebody put together by hand: fp32."""
    return optimizers.precision if isinstance(optimizers, Optimizers) else "fp32"


class Losses(Iterator[Tensor]):
    """The losses of a method on a batch, in turn, each computed in ``precision``.

    Autocast is entered around each step of the generator: were it entered inside, it would still be on when the
    generator has yielded, for the backward pass and the optimiser.
    """

    def __init__(self, method: Method, batch: Batch, precision: Precision) -> None:
        self.computing = _computing(method, batch.x.device, precision)
        with self.computing():
            self.losses = iter(method.losses(batch))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Tensor:
        with self.computing():
            return next(self.losses)


def _computing(method: Method, device: torch.device, precision: Precision) -> Callable[[], AbstractContextManager]:
    if precision == "fp32":
        return nullcontext
    modules = [*method.modules, *method.auxiliaries]

    @contextmanager
    def computing() -> Iterator[None]:
        # no cache of weights: it would outlive their steps, and hand copies made under no_grad to who needs gradients
        with (
            torch.autocast(device.type, torch.bfloat16, cache_enabled=False),
            _Float32Functions(),
            _handing_out_float32(modules),
        ):
            yield

    return computing


class _Float32Functions(TorchFunctionMode):
    """Inside, ``IN_FLOAT32`` take bf16 tensors as fp32, and products of two fp32 tensors stay what they are: kernels.

    (The products of layers are ``F.linear``, and those of attention are of bf16 tensors.)
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in IN_FLOAT32:
            args, kwargs = tree_map_only(Tensor, widened, (args, kwargs))
        elif func in PRODUCTS and all(factor.dtype == torch.float32 for factor in args):
            with torch.autocast(args[0].device.type, enabled=False):
                return func(*args, **kwargs)
        return func(*args, **kwargs)


@contextmanager
def _handing_out_float32(modules: list[nn.Module]) -> Iterator[None]:
    """Inside, what each of the modules puts out is fp32: targets and coordinates are small differences of features.

    (Of a step of 0.4 % of a feature nothing would be left in bf16.)
    """
    with ExitStack() as hooks:
        for module in modules:
            # before other hooks, so that they see what the next module sees
            hooks.callback(module.register_forward_hook(_widen_output, prepend=True).remove)
        yield


def _widen_output(module: nn.Module, args: tuple, out: Any) -> Any:
    return widened(out) if isinstance(out, Tensor) else out
