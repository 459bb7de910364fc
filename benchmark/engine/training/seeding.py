"""Seeds from names: every random choice of a cell hangs on the axes that may change it, and on no other."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive_seed(*axes: object) -> int:
    """A seed that depends on the chosen axes only; 63 bits of their SHA-256.

    The data order hangs on (suite, seed), so that all methods of a suite see the same batches; the initial
    weights on (backbone, seed), so that a method and its twin start alike.
    """
    digest = hashlib.sha256("\x1f".join(map(str, axes)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def seeded(*axes: object) -> Iterator[None]:
    """Run with the global generator seeded from ``axes``; its state is put back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(*axes))
        yield
