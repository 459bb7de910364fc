"""``beyond register``: all that a new method's file needs besides itself, so that its author edits nothing by hand.

That is its stages (``params.yaml``), its golden trajectory, and its line in the README's table. It imports the file.
After the merge of two branches it writes the same for the methods of both.
"""

import re
from pathlib import Path
from typing import Any

from benchmark.engine import golden
from benchmark.engine.load import load_method
from benchmark.errors import UserError
from benchmark.running.methods import all_methods
from benchmark.schema.plugins import FAMILIES, METHODS, method_metadata, plugin_path
from benchmark.schema.suite import TWIN, load_suites
from benchmark.schema.text import write_text
from benchmark.submitting.merging import (
    check_conflicts,
    merge_stages,
    read,
    trajectories_known,
    unite_sources,
    without_conflicts,
)
from benchmark.tables.files import write_tables

PARAMS, README = Path("params.yaml"), Path("README.md")
TABLE = re.compile(r"(\| method \| family \|.*\n\|[-: |]+\|\n)(?:\|.*(?:\n|\Z))*")


def register() -> list[str]:
    """Write what is missing, renew what has changed; returns the methods that are new to the pipeline.

    Its list has those for every network; the others' stages are those of the suites that name them (``dvc.yaml``).

    Raises:
        UserError: a method's file is broken, a merge needs a decision, or this is not the top of the repository;
            nothing is written then.
    """
    check_conflicts()
    names = sorted(all_methods())
    everywhere = [name for name in names if method_metadata(plugin_path(METHODS, name))["everywhere"]]
    before = read(PARAMS) if PARAMS.exists() else ""
    stages = "# Written by `beyond register` from methods/*.py.\nmethods:\n" + "".join(f"  - {n}\n" for n in everywhere)
    readme = read(README) if README.exists() else ""
    readme = with_table(without_conflicts(readme), names) if readme else ""
    trajectories = golden.updated(trajectories_known())
    merge_stages()
    write_text(stages, PARAMS)
    write_text(trajectories, golden.FILE)
    if readme:
        write_text(readme, README)
    unite_sources()
    write_tables()  # the leaderboard has a page for every method, and sets papers' figures beside their names
    return [name for name in everywhere if f"- {name}\n" not in before]


def without_suite() -> list[str]:
    """Methods that no suite trains: those for networks of a kind, until a suite names them."""
    named = {name for suite in load_suites().values() for name in suite.methods or ()}
    others = [name for name in all_methods() if name not in named]
    return [name for name in others if not method_metadata(plugin_path(METHODS, name))["everywhere"]]


def with_table(readme: str, names: list[str]) -> str:
    """The README with its table of methods written anew: by family, the twin first, then by year.

    Raises:
        UserError: it has no such table.
    """
    said = {name: method_metadata(plugin_path(METHODS, name)) for name in names}
    order = sorted(names, key=lambda n: (FAMILIES.index(said[n]["family"]), n != TWIN, said[n]["year"], n))
    rows = "".join(_row(name, said[name]) + "\n" for name in order)
    written, found = TABLE.subn(lambda table: table[1] + rows, readme, count=1)
    if not found:
        raise UserError(f"{README} has no table that begins `| method | family |`, where methods are listed.")
    return written


def _row(name: str, said: dict[str, Any]) -> str:
    """The method's line: family, locks removed, labels of its hidden modules, title, paper, variants."""
    locks = ", ".join(said["removes"]) or "none"
    paper = f"[{_plain(short_authors(said['authors']))} {said['year']}]({said['paper']})"
    variants = ": " + ", ".join(map(_plain, said["variants"])) if said["variants"] else ""
    what = f"{_plain(said['title'])}, {paper}{variants}"
    return f"| `{name}` | {said['family']} | {locks} | {_labels(name)} | {what} |"


def short_authors(authors: str) -> str:
    """``Duan & Principe``, and ``Wang et al.`` where there are more."""
    names = re.split(r"[,;&]\s*", authors)
    return authors if len(names) < 3 else f"{names[0].strip()} et al."


def _plain(text: object) -> str:
    """The text without what Markdown takes for a link, code, HTML or a table's next column."""
    return re.sub(r"([\\`\[\]<>|])", r"\\\1", " ".join(str(text).split()))


def _labels(name: str) -> str:
    method = load_method(name)
    options = next(iter(method.variants.values()), {})
    return "none" if "hidden" in method.leaves else str(golden.build(method, options).phases()[0].labels)
