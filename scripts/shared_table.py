"""How far steps that processes share are from those of one process with the whole batch: the table of several GPUs.

``python scripts/shared_table.py [METHOD ...]``, from the top of the repository. Processes on cores talk by gloo, as on
GPUs they do by NCCL, which nobody has tried. In float64, three steps a phase of a small network: what is more than
rounding is a fault. By default the methods whose mathematics says that nothing is apart; ``modules`` is K. Writes
``results/shared.csv``.
"""

import os
import sys
from pathlib import Path

import pandas as pd

TESTS = Path("tests").absolute()
RESULTS = Path("results/shared.csv")
PROCESSES = (2, 4)


def main() -> None:
    """Compare, and write the table."""
    sys.path.insert(0, str(TESTS))  # the same comparison that the tests make, in processes of its own
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    from shared_steps import PAPERS, compared

    cases = {name: (name, *PAPERS.get(name, ({}, 3)), 1, True) for name in sys.argv[1:] or PAPERS}
    rows = []
    for processes in PROCESSES:
        found = compared(processes, cases)
        if not isinstance(found, dict):
            raise SystemExit(str(found))
        rows += [
            {
                "method": name,
                "modules": cases[name][2],
                "processes": processes,
                "losses_apart": f"{losses:.1e}",
                "weights_apart": f"{weights:.1e}",
            }
            for name, (losses, weights) in found.items()
        ]
    table = pd.DataFrame(rows).sort_values(["method", "processes"])
    RESULTS.write_text(table.to_csv(index=False), encoding="utf-8")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
