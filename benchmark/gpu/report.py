"""What is known of a check, at any moment of it: as JSON for programs, as Markdown for people."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmark.ending import cannot_use
from benchmark.errors import UserError
from benchmark.gpu.parts import Part
from benchmark.schema.text import printable, write_text

Row = dict[str, Any]


class Report:
    """Rows by part, in the order in which they came."""

    def __init__(self, device: str, parts: Sequence[Part]) -> None:
        self.device, self.parts = device, parts
        self.rows: dict[str, list[Row]] = {part.name: [] for part in parts}
        self.waiting: dict[str, list[str]] = {part.name: [str(job.key) for job in part.jobs] for part in parts}
        self.began, self.started = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")

    def add(self, part: Part, key: str, rows: Sequence[Row]) -> None:
        """A job has ended with these rows."""
        self.waiting[part.name].remove(key)
        self.rows[part.name] += rows

    @property
    def faults(self) -> list[str]:
        """A sentence on each thing that is not as it should be."""
        return [
            f"{part.name}: {row['name']}: {fault}"
            for part in self.parts
            for row in self.rows[part.name]
            for fault in row["faults"]
        ]

    @property
    def unreached(self) -> list[str]:
        """What there was no time for, or what is yet to come."""
        return [f"{part.name}: {key}" for part in self.parts for key in self.waiting[part.name]]

    def write(self, path: Path) -> None:
        """Write it, whole, as JSON and with the suffix ``.md``.

        Raises:
            UserError: it cannot be written.
        """
        seconds = round(time.monotonic() - self.began, 1)
        known = {"device": self.device, "started_utc": self.started, "seconds": seconds, "unreached": self.unreached}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(json.dumps(known | {"parts": self.rows}, indent=1, ensure_ascii=False) + "\n", path)
            write_text(self.markdown(seconds), path.with_suffix(".md"))
        except OSError as error:
            raise UserError(cannot_use(error, path, "what was found has been printed")) from None

    def markdown(self, seconds: float) -> str:
        """A table a part, and below it what is not as it should be."""
        said = next(iter(self.rows["machine"]), {})
        lines = [
            f"# GPU check: {said.get('device', self.device)}",
            f"`beyond gpu-check --device {self.device}`, {self.started}, {seconds:.0f} s, commit "
            f"{said.get('git_commit', 'unknown')}{' with changes' if said.get('git_dirty') else ''}; "
            + ", ".join(f"{name} {number}" for name, number in said.get("versions", {}).items())
            + "".join(f", {name} {said[name]}" for name in ("cuda", "cudnn", "driver") if said.get(name))
            + ".",
            *(["Not reached: " + "; ".join(self.unreached) + "."] if self.unreached else []),
            *(line for part in self.parts for line in self._part(part)),
        ]
        return "\n\n".join(lines) + "\n"

    def _part(self, part: Part) -> Iterator[str]:
        rows = self.rows[part.name]
        yield f"## {part.title}"
        yield part.said
        columns = {fact: heading for fact, heading in part.columns.items() if any(fact in row for row in rows)}
        if rows:
            cells = [["", *columns.values()], ["---"] * (1 + len(columns))]
            cells += [[row["name"], *(text(row.get(fact)) for fact in columns)] for row in rows]
            yield "\n".join(f"| {' | '.join(each)} |" for each in cells)
        if odd := [f"- {row['name']}: {printable(fault)}" for row in rows for fault in row["faults"]]:
            yield "\n".join(odd)

    @staticmethod
    def line(part: Part, row: Row) -> str:
        """A row in one line."""
        told = [
            f"{heading} {text(row[fact])}" for fact, heading in part.columns.items() if row.get(fact) not in (None, [])
        ]
        verdict = "; ".join(row["faults"]) or row.get("note", "well")
        return printable(f"{part.name}: {row['name']}: {verdict} ({', '.join(told)})")


def text(value: Any) -> str:
    """A fact as a person reads it."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return (
                "0"
                if not value
                else f"{value:.1e}"
                if abs(value) < 0.01
                else f"{value:,.0f}"
                if abs(value) >= 1000
                else f"{value:.2f}"
            )
        case list():
            return ", ".join(map(text, value)) or "–"
    return str(value)
