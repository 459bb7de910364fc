"""``beyond register``: all that a new method's file needs besides itself, so that its author edits nothing by hand.

That is its stages (``params.yaml``), its golden trajectory, and a line in the README's table. It imports the file.
"""

from pathlib import Path

from benchmark.engine import golden
from benchmark.engine.cell import load_method
from benchmark.plugins import METHODS, method_metadata, plugin_path
from benchmark.run import all_methods

PARAMS, README = Path("params.yaml"), Path("README.md")


def register() -> list[str]:
    """Write what is missing; returns the methods that are new to the pipeline.

    Raises:
        UserError: a method's file is broken.
    """
    names = sorted(all_methods())
    before = PARAMS.read_text() if PARAMS.exists() else ""
    PARAMS.write_text(
        "# Written by `beyond register` from methods/*.py.\nmethods:\n" + "".join(f"  - {name}\n" for name in names)
    )
    golden.update(golden.stored())
    if README.exists():
        README.write_text(with_rows(README.read_text(), names))
    return [name for name in names if f"- {name}\n" not in before]


def with_rows(readme: str, names: list[str]) -> str:
    """The README with a row for each method that its table lacks, after the last one of its family."""
    lines = readme.split("\n")
    for name in names:
        if f"| `{name}` |" not in readme:
            family = method_metadata(plugin_path(METHODS, name))["family"]
            rows = [i for i, line in enumerate(lines) if line.startswith("| `") and f"` | {family} | " in line]
            if rows:
                lines.insert(rows[-1] + 1, row(name))
    return "\n".join(lines)


def row(name: str) -> str:
    """The method's line of the table: family, locks removed, labels of its hidden modules, paper."""
    said = method_metadata(plugin_path(METHODS, name))
    method = load_method(name)
    options = next(iter(method.variants.values()), {})
    labels = golden.build(method, options).phases()[0].labels
    locks = ", ".join(said["removes"]) or "none"
    paper = f"[{said['authors']} {said['year']}]({said['paper']}), {said['title']}"
    return f"| `{name}` | {said['family']} | {locks} | {labels} | {paper} |"
