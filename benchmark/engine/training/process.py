"""How a process that trains is set up: one thread, repeatable, and thrifty with page faults."""

import ctypes
import os

import torch

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # names of mallopt's parameters in glibc's malloc.h
LARGEST = 2**31 - 1


def prepare_process(device: str) -> None:
    """Same seed, same numbers, to the bit, on one machine; and a process a core.

    Two cells on two cores beat one cell on two threads. On CUDA, kernels that cannot repeat themselves warn.
    """
    torch.set_num_threads(1)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS when it starts
    torch.use_deterministic_algorithms(device == "cuda", warn_only=True)
    torch.backends.cudnn.benchmark = False
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
