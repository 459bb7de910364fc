"""``beyond export``: the whole leaderboard as one folder of HTML."""

from pathlib import Path

from benchmark.export.folder import check_replaceable, write_folder
from benchmark.export.pages import render
from benchmark.export.results import Results


def export(results: Path, folder: Path) -> int:
    """Write the pages of the results into the folder; returns their number.

    Raises:
        UserError: there are no results, or the folder holds something else.
    """
    check_replaceable(folder)
    files = render(Results(results))
    write_folder(files, folder)
    return sum(name.endswith(".html") for name in files)
