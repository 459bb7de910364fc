"""Two checkouts and one environment: the package of one and the methods of the other are never run together.

``beyond`` of an environment runs the checkout that the environment was made in. In another one (a second clone, a git
worktree) it would train that one's methods by this one's engine, name that one's commit, and its children, which
look for the package where they stand, would run yet other code.
"""

from pathlib import Path

import benchmark
from benchmark.errors import UserError


def check_one_checkout(here: Path | None = None) -> None:
    """Make sure that the current folder is not another checkout than that of the running package.

    Raises:
        UserError: it is; says what to do.
    """
    folder = here or Path.cwd()
    running = Path(benchmark.__file__).resolve().parent
    other = folder / "benchmark"
    if (folder / "benchmark.py").is_file() or ((other / "__init__.py").is_file() and other.resolve() != running):
        raise UserError(
            f"This folder has a package `benchmark` of its own, and this `beyond` runs that of {running.parent}; use "
            "the environment of this checkout (`make setup`, then `. .venv/bin/activate`), or go to the other one."
        )
