"""Seeds from names: every random choice of a cell hangs on the axes that may change it, and on no other."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*axes: object) -> int:
    """A seed that depends on the chosen axes only; 63 bits of their SHA-256.

    The data order hangs on (suite, seed), so that all methods of a suite see the same batches; the initial
    weights on (backbone, seed), so that a method and its twin start alike.
    """
    digest = hashlib.sha256("\x1f".join(map(str, axes)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def forked_rng() -> Iterator[None]:
    """The state of torch's global generators is put back afterwards: the CPU's, and that of the GPU in use.

    A bare ``torch.random.fork_rng()`` opens every GPU of the machine. A cell sees one, and only where it has opened
    it (a CPU suite never does) is there a state that a training goes on from.
    """
    in_use = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=in_use):
        yield


@contextmanager
def seeded(*axes: object) -> Iterator[None]:
    """Run with the global generators seeded from ``axes``; their state is put back afterwards."""
    with forked_rng():
        torch.manual_seed(derive_seed(*axes))
        yield


def seed_step(seed: int, device: torch.device) -> None:
    """Seed the generators that a step on ``device`` draws from, and no others.

    ``torch.manual_seed`` formats a stack trace for each kind of device that is not opened yet: 65 µs a call, against 1.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


@contextmanager
def own_randomness() -> Iterator[None]:
    """Fixed seeds inside; the states of Python's, numpy's and torch's global generators are put back."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with forked_rng():
            random.seed(0)
            np.random.seed(0)
            torch.manual_seed(0)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
