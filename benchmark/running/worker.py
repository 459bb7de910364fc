"""A worker: one of several processes that train a cell together, and whether they can; said here without torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.errors import UserError
from benchmark.schema.recipe import Recipe


@dataclass(frozen=True)
class Worker:
    """Number ``rank``, from 0 on, of ``size`` processes that meet at an address of ``torch.distributed``'s."""

    rank: int
    size: int
    address: str
    local_rank: int  # among those of the same machine

    @classmethod
    def given(cls) -> "Worker | None":
        """The one that torchrun, or whoever sets the same variables, gave this process; none: nobody did.

        Raises:
            UserError: the variables are not all there.
        """
        if "WORLD_SIZE" not in os.environ or "RANK" not in os.environ:
            return None
        try:
            rank, size, here = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        except (KeyError, ValueError):
            raise UserError("RANK, WORLD_SIZE and LOCAL_RANK are to be numbers, as torchrun sets them.") from None
        return cls(rank, size, "env://", here) if size > 1 else None


@contextmanager
def workers(count: int) -> Iterator[list[Worker]]:
    """So many workers that meet by a file of their own, which is gone afterwards."""
    with TemporaryDirectory(prefix="beyond-", ignore_cleanup_errors=True) as folder:
        address = (Path(folder) / "meeting").as_uri()
        yield [Worker(rank, count, address, rank) for rank in range(count)]


def check_shares(recipe: Recipe, processes: int) -> None:
    """Make sure that so many processes can share a recipe's batches out.

    Raises:
        UserError: they cannot, or the recipe wants all parts at once.
    """
    parts = recipe.parts
    if recipe.batch % processes:
        raise UserError(f"A batch of {recipe.batch} cannot be shared out equally among {processes} processes.")
    if processes > 1 and recipe.mixes:
        raise UserError("mixup and cutmix mix the pictures of a whole batch, and several processes have a share each.")
    if parts > 1 and parts % processes:
        raise UserError(f"The {parts} parts of a batch cannot be shared out equally among {processes} processes.")
    wanted = [name for name in ("norms", "objectives") if getattr(recipe, name) != "local"]
    if wanted and parts != processes:
        value = getattr(recipe, wanted[0])
        raise UserError(f"{wanted[0]}: {value} needs all {parts} parts at once: --gpus-per-cell {parts}.")
