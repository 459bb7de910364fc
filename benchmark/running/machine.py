"""What a record says of the machine that its numbers come from; no host name, user or path."""

import re
from pathlib import Path
from typing import Any

import torch

from benchmark.schema.recipe import Precision

CPUINFO, DRIVER = Path("/proc/cpuinfo"), Path("/proc/driver/nvidia/version")


def machine(device: str, trained_in: Precision = "fp32") -> dict[str, Any]:
    """Model of the GPU or the processor, precision of the arithmetic, and on a GPU the versions of CUDA and driver."""
    cuda = device == "cuda"
    return {
        "device": torch.cuda.get_device_name() if cuda else _processor(),
        "precision": precision(device, trained_in),
        "tf32": torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32 if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "driver": _driver() if cuda else None,
    }


def precision(device: str, trained_in: Precision = "fp32") -> str:
    """``float32``, and for which operations CUDA may round its inputs to the 10 bits of TF32.

    Trained in bf16, it is that of all but the forward passes of training.
    """
    rounded = []
    if device == "cuda" and torch.backends.cudnn.allow_tf32:
        rounded.append("convolutions")
    if device == "cuda" and torch.backends.cuda.matmul.allow_tf32:
        rounded.append("matrix products")
    said = f"float32, TF32 in {' and '.join(rounded)}" if rounded else "float32"
    return f"bfloat16 autocast in training, else {said}" if trained_in == "bf16" else said


def _processor() -> str:
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPUINFO.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return model or "CPU"


def _driver() -> str | None:
    """Version of the NVIDIA driver as the kernel says it; none where the kernel does not (WSL, ROCm)."""
    try:
        found = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", DRIVER.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[0] if found else None
