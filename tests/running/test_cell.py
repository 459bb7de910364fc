"""How one cell ends: a full memory is told from a mistake, and a broken twin from a broken method."""

from pathlib import Path

import pytest
import torch
from workshop import TINY, changed, run, workshop, write_suites

from benchmark.errors import UserError, out_of_memory
from benchmark.running import cell, machine
from benchmark.running.cell import run_cell
from benchmark.running.progress import summary
from benchmark.schema.record import read_record
from benchmark.schema.suite import Cell, load_suite
from benchmark.tables.files import write_tables

__all__ = ["workshop"]
FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    MemoryError(),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    OSError(12, "Cannot allocate memory"),
]
MISTAKES = [
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED"),
    ValueError("out of memory of what was said before"),
    OSError(2, "No such file or directory"),
    UserError("There is no such option."),
]


def ended(monkeypatch, error: Exception):
    def observe(*_):
        raise error
        yield

    monkeypatch.setattr(cell._Training, "facts", observe)
    suite = load_suite("digits")
    which = Cell(suite="digits", method="dgl", variant="", backbone="cifar_resnet8", modules=2, seed=0)
    return run_cell(lambda fraction: None, which, suite, "0" * 64)


@pytest.mark.parametrize("error", FULL, ids=lambda e: f"{type(e).__name__}: {e}"[:60])
def test_a_full_memory_is_oom_whoever_says_it(monkeypatch, error):
    assert ended(monkeypatch, error).status == "oom"


@pytest.mark.parametrize("error", MISTAKES, ids=lambda e: f"{type(e).__name__}: {e}"[:60])
def test_other_errors_are_failures(monkeypatch, error):
    assert ended(monkeypatch, error).status == "failed"


def test_an_error_that_a_full_memory_led_to_is_oom(monkeypatch):
    error = UserError("timm cannot build it.")
    error.__cause__ = FULL[3]
    assert ended(monkeypatch, error).status == "oom"
    error.__cause__ = error  # a stranger's error may hang on itself
    assert not out_of_memory(error)


TWIN_TOO_LARGE = """
        from torch._subclasses.fake_tensor import FakeTensor
        if not isinstance(batch.x, FakeTensor):
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        yield"""


def test_a_twin_that_does_not_fit_leaves_the_method_its_row(workshop):
    twin = Path("methods/e2ebp.py")
    twin.write_text(twin.read_text().replace("        yield", TWIN_TOO_LARGE, 1))
    write_suites(workshop, changed(seeds=1))
    assert {(method, status) for method, _, status in run("e2ebp", "greedy_sl").trained} == {
        ("e2ebp", "oom"),
        ("greedy_sl", "ok"),
    }
    record = read_record(Path("results/runs/tiny/greedy_sl/cifar_resnet8-k2-s0.json"))
    assert record.accuracy.test_top1 > 0
    assert record.cost.time_ratio is None
    assert record.cost.peak_ratio > 0
    assert "CUBLAS_STATUS_ALLOC_FAILED" in record.cost.twin_error
    assert "time –" in summary(record)
    row = write_tables().set_index("method").loc["greedy_sl"]
    assert row[["time_ratio"]].isna().all()
    assert row["memory_ratio"] > 0
    assert row["status"] == "ok"


def test_the_flops_of_a_training_are_those_of_whole_epochs(workshop):
    """Its classifier has a quarter of the epochs: one of 4, 2 of 8; and one of 2, as there are no halves."""
    flops = {}
    for epochs in (2, 4, 8):
        write_suites(workshop, changed(recipe={**TINY["tiny"]["recipe"], "epochs": epochs}, seeds=1))
        run("modular_kernel")
        record = read_record(Path("results/runs/tiny/modular_kernel/cifar_resnet8-k2-s0.json"))
        assert len(record.accuracy.curve) == epochs + max(1, epochs // 4)
        flops[epochs] = record.cost.train_flops
    assert flops[8] == 2 * flops[4]
    hidden = (flops[4] - flops[2]) // 2  # of an epoch
    assert flops[2] == 2 * hidden + (flops[4] - 4 * hidden) > flops[4] / 2


def test_a_record_names_the_precision_and_on_a_gpu_cuda_and_driver(monkeypatch, tmp_path):
    assert machine.machine("cpu")["precision"] == "float32"
    assert machine.machine("cpu")["cuda"] is machine.machine("cpu")["driver"] is None
    driver = tmp_path / "version"
    driver.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Wed Feb 26 02:08:48 UTC 2025\n")
    monkeypatch.setattr(machine, "DRIVER", driver)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    said = machine.machine("cuda")
    assert said == {
        "device": "NVIDIA H100 80GB HBM3",
        "precision": "float32, TF32 in convolutions",
        "tf32": True,
        "cuda": "13.0",
        "driver": "570.124.06",
    }
    in_bf16 = "bfloat16 autocast in training, else float32, TF32 in convolutions"
    assert machine.machine("cuda", "bf16")["precision"] == in_bf16
    driver.unlink()
    assert machine.machine("cuda")["driver"] is None


def test_a_cell_in_bf16_ends_well_and_says_so(workshop):
    write_suites(workshop, changed(recipe={**TINY["tiny"]["recipe"], "precision": "bf16"}, seeds=1))
    assert {(method, status) for method, _, status in run("e2ebp", "infopro").trained} == {
        ("e2ebp", "ok"),
        ("infopro", "ok"),
    }
    record = read_record(Path("results/runs/tiny/infopro/cifar_resnet8-k2-contrast-s0.json"))
    assert record.provenance.precision == "bfloat16 autocast in training, else float32"
    assert record.isolation == "verified"
