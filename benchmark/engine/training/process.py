"""How a process that trains is set up: one thread, repeatable, thrifty with memory; and where its networks live."""

import ctypes
import gc
import os

import torch
import torch.utils.deterministic
from torch import nn

from benchmark.engine.training.method import Method
from benchmark.engine.training.tf32 import set_tf32
from benchmark.schema.recipe import Precision

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # names of mallopt's parameters in glibc's malloc.h
LARGEST = 2**31 - 1


def prepare_process(device: str, precision: Precision = "fp32") -> None:
    """Same seed, same numbers, to the bit, on one machine; and a process a core.

    Two cells on two cores beat one cell on two threads. On CUDA, kernels that cannot repeat themselves warn, and fp32
    is rounded to TF32 in a ``precision`` of that name alone.
    """
    torch.set_num_threads(1)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS when it starts
    torch.use_deterministic_algorithms(device == "cuda", warn_only=True)
    # else every torch.empty is filled with NaN: a pass over the memory that no step needs, and that the clock sees
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    set_tf32(precision)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next step, where it would hand large tensors back to the kernel.

    Without it a fifth of InfoPro's CPU time on a narrow ResNet is page faults; on ResNet-32 it is end-to-end training
    that gains (13 % of a step), so ratios to it grow. Elsewhere than on glibc there is nothing to do.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST)
        mallopt(TRIM_THRESHOLD, LARGEST)


def place(method: Method, device: torch.device) -> Method:
    """Move a method's networks to where they train, with weights in the layout that is fast there."""
    for part in (method.modules, method.auxiliaries):
        part.to(device)
        if device.type == "cuda":
            lay_out(part, torch.channels_last)
    return method


def lay_out(part: nn.Module, layout: torch.memory_format) -> None:
    """Bring the weights of all 2-d convolutions into a memory layout; their values stay.

    Batches are channels_last. On CUDA, cuDNN else transposes weights or pictures at every layer and step. On a CPU
    oneDNN packs weights for itself: laying them out saves nothing (steps of 0.98 to 1.00 of the time), and rounds
    sums in another order, which would move committed numbers.
    """
    for module in part.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.data = module.weight.data.contiguous(memory_format=layout)


def free_memory() -> None:
    """Give back what nobody holds any more: graphs in reference cycles, and the CUDA allocator's cache."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
