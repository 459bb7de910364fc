"""Which results a page shows: their date, their commit and the number of records; and how to cite them."""

from pathlib import Path
from typing import NamedTuple

from benchmark import git
from benchmark.display.reading import read_cells

SHORT = 10  # characters of a commit's hash
TITLE = "Beyond Backprop: a benchmark of training deep networks without end-to-end backpropagation"
AUTHORS = "The Beyond Backprop authors"
HOW_TO_CITE = "Name the date and the commit: results change. Cite the papers of the methods that you report, too."


class Edition(NamedTuple):
    """The state of a results folder.

    ``commit`` is the last one that changed it, empty where git does not say, ``edited`` whether the files differ from
    it, ``date`` (``2026-11-29``) the commit's, or else that of the newest record; it may be empty.
    """

    date: str
    commit: str
    edited: bool
    records: int

    @property
    def short(self) -> str:
        """``2026-11-29, 61667d3f01``."""
        return ", ".join(filter(None, [self.date, self.commit]))

    def __str__(self) -> str:
        """``results of 2026-11-29, commit 61667d3f01, 357 records``."""
        said = [f"results of {self.date}" if self.date else "results"]
        if self.commit:
            said.append(f"commit {self.commit}{' and changes that are in none' if self.edited else ''}")
        said.append(f"{self.records:,} record{'' if self.records == 1 else 's'}")
        return ", ".join(said)


def read_edition(results: Path) -> Edition:
    """The edition of a results folder, in a repository or outside of one."""
    records = sum(1 for _ in results.glob("runs/*/*/*.json"))
    try:
        last = git.history(results, 1)
        if last:
            return Edition(last[0].date[:10], last[0].hash[:SHORT], git.differs(results), records)
    except git.Refused:
        pass
    cells = read_cells(results)
    started = cells.reindex(columns=["started_utc"])["started_utc"].dropna().astype(str)
    return Edition(max(started, default="")[:10], "", False, records)


def bibtex_of_benchmark(edition: Edition) -> str:
    """An entry of BibTeX for the benchmark as it stands in this edition."""
    said = str(edition)
    fields = {"author": f"{{{AUTHORS}}}", "title": f"{{{TITLE}}}", "year": edition.date[:4]}
    fields["note"] = said[0].upper() + said[1:]
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["@misc{beyond_backprop,", *lines, "}"])
