"""The side of a check that loads the file: in the sandbox (:func:`main`), or in this process for tests."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.engine.training.method import Method
from benchmark.engine.training.process import prepare_process
from benchmark.schema.plugins import load_class, syntax_tree
from benchmark.submitting.check.findings import Failed, Finding, find
from benchmark.submitting.check.imports import check_imports
from benchmark.submitting.check.metadata import check_metadata
from benchmark.submitting.check.names import CHECKS, LOADS, PICTURES
from benchmark.submitting.check.problem import sources, take_pictures
from benchmark.submitting.check.trials import TRIALS


def main(send: Callable[[dict[str, Any]], None], arguments: list[str]) -> None:
    """Arguments: the method's file, and the names of the checks to run."""
    file, *names = arguments
    prepare_process("cpu")
    take_pictures(Path(PICTURES))
    for finding in run_checks(Path(file), names, lambda name: send({"begins": name})):
        send({"finding": asdict(finding)})


def check_method(path: Path) -> Iterator[Finding]:
    """All findings on a file that is trusted, in this process, as they are found."""
    yield (metadata := find("metadata", partial(check_metadata, path)))
    if metadata.passed:  # else nothing parses the file once more
        yield find("imports", partial(check_imports, path))
        yield from run_checks(path, CHECKS)


def run_checks(path: Path, names: Sequence[str], begin: Callable[[str], None] = lambda name: None) -> Iterator[Finding]:
    """Load the file and run the named checks; nothing more if it does not load."""
    begin(LOADS)
    methods: list[type[Method]] = []
    loaded = find(LOADS, lambda: _load(path, methods))
    if LOADS in names or not loaded.passed:
        yield loaded
    for name in names:
        if methods and name in TRIALS:
            begin(name)
            yield find(name, partial(TRIALS[name], methods[0]))


def _load(path: Path, methods: list[type[Method]]) -> str:
    found = load_class(path, Method)
    base = found.__mro__[1]
    used = {node.attr for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.Attribute)}
    for name in vars(found).keys() - set(dir(base)) - used:
        near = get_close_matches(name, set(dir(base)) - vars(found).keys(), n=1, cutoff=0.85)
        if near and not name.startswith("_"):
            raise Failed(f"`{name}` is no part of {base.__name__}, and is never used; did you mean `{near[0]}`?")
    sources[found] = path
    methods.append(found)
    return f"The file can be imported; it defines {found.__name__}."
