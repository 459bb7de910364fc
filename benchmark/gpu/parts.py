"""The parts of the check in their order: what is cheap and says most comes first, for a machine that is soon gone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.running.launch import Job
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.suite import TWIN

Device = Literal["cuda", "cpu"]
SECONDS = {"cuda": 120.0, "cpu": 3600.0}  # for one job
MANY = 8  # processes that share the GPU; of those that wait for each other to time something, fewer: one may hang
IN_SANDBOX = "dgl"
PLAIN_NETWORKS = {"cuda": 3, "cpu": 1}
PUBLISHED_SETTINGS = 12


@dataclass(frozen=True)
class Part:
    """Rows of one kind, each made by a job, and how they are shown."""

    name: str
    title: str
    columns: dict[str, str]  # fact: heading and unit
    said: str  # what the numbers are
    jobs: Sequence[Job]
    at_once: int = MANY


def parts(methods: Sequence[str], device: Device) -> Iterator[Part]:
    """All parts, for these methods, on a device; those that are for networks of a kind make their steps alone."""
    common = [name for name in methods if method_metadata(plugin_path(METHODS, name))["everywhere"]]
    yield Part(
        "machine",
        "Machine",
        {
            "device": "device",
            "precision": "arithmetic",
            "same_pictures": "same pictures",
            "same_weights": "same weights",
        },
        "Pictures of a batch and weights of a new network, beside those on the CPU.",
        [_job("machine:check_machine", device, device)],
    )
    yield Part(
        "steps",
        "The same losses as on the CPU",
        {
            **{"float64": "float64", "float32": "fp32", "repeats": "repeats", "repeats_by": "else by"},
            **{"draws": "draws", "waits": "waits at", "unrepeatable": "not repeatable"},
        },
        "Largest difference between losses and weights' norm of four steps of each phase on the device and on the CPU, "
        "relative to numbers above 1, both drawing the same random numbers. *repeats*: two runs on the device, drawing "
        "there, are equal to the bit. *draws*: another seed gives other losses. *waits at*: lines at which a step has "
        "its process wait for the device.",
        [_job("steps:check_steps", name, name, device) for name in methods],
    )
    yield Part(
        "cells",
        "Whole cells",
        {
            **{"status": "status", "isolation": "isolation", "test_top1": "test, %", "committed_top1": "committed, %"},
            **{"time_ratio": "time, ×", "simulated_mb": "simulated, MB", "allocated_mb": "allocator, MB"},
            "seconds": "seconds",
        },
        "A cell of the suite digits (largest K, first seed), with its set-up, trials and evaluation, beside its "
        "committed record; cells run side by side, so seconds are no measure of speed.",
        [
            *(_job("cells:check_cell", name, name, device) for name in common),
            *(_job("cells:check_sandbox", f"{name}, in the sandbox", name, device) for name in _in_sandbox(common)),
        ],
    )
    yield Part(
        "plain",
        "Beside a plain PyTorch loop",
        {"plain": "plain, pictures/s", "engine": "engine, pictures/s", "ratio": "time, ×"},
        "End-to-end backpropagation by the engine and by a plain loop, by turns, on a batch that lies on the device.",
        [_job("plain:check_plain", str(n), n, device) for n in range(PLAIN_NETWORKS[device])],
        at_once=3,
    )
    yield Part(
        "pace",
        "Steps of every method",
        {
            **{"simulated_mb": "simulated, MB", "allocated_mb": "allocator, MB", "gap_mb": "gap, MB"},
            **{"fp32_ms": "fp32, ms", "tf32_ms": "TF32, ms", "bf16_ms": "bf16, ms", "tf32_losses": "TF32, losses"},
            **{"bf16_losses": "bf16, losses", "bf16_mb": "bf16, MB"},
        },
        "Memory of a step as simulated, and as the allocator held it (cuDNN's and cuBLAS's workspaces included); "
        "time of a step, phases by their share; difference of the first losses to fp32, relative to numbers above 1."
        + ("" if device == "cuda" else " What the allocator holds cannot be measured on a CPU."),
        [_job("pace:check_pace", name, name, device) for name in _twin_first(common)],
        at_once=4,
    )
    yield Part(
        "published",
        "Memory of published trainings",
        {
            **{"published_gb": "paper, GB", "simulated_gb": "simulated, GB", "allocated_gb": "allocator, GB"},
            **{"gap_gb": "gap, GB", "gap_percent": "gap, %", "reserved_gb": "reserved, GB"},
        },
        "Two steps of each training of `beyond plan --published`, in fp32."
        if device == "cuda"
        else "What the allocator holds cannot be measured on a CPU.",
        [_job("peaks:check_peak", str(n), n, device) for n in range(PUBLISHED_SETTINGS if device == "cuda" else 0)],
    )


def _job(function: str, key: str, *arguments: object) -> Job:
    return Job(key, f"benchmark.gpu.{function}", arguments, SECONDS[str(arguments[-1])])


def _in_sandbox(methods: Sequence[str]) -> list[str]:
    return [IN_SANDBOX] if IN_SANDBOX in methods else [*methods[:1]]


def _twin_first(methods: Sequence[str]) -> list[str]:
    return sorted(methods, key=lambda name: name != TWIN)
