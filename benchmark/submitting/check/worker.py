"""The side of a check that loads the file: in the sandbox (:func:`main`), or in this process for tests."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from functools import partial
from inspect import isfunction, signature
from pathlib import Path
from typing import Any

import torch

from benchmark.engine.measuring.state import Randomness
from benchmark.engine.training.method import LocalMethod, Method, ModularMethod
from benchmark.engine.training.process import prepare_process
from benchmark.running.preflight import check_optimizer
from benchmark.schema.plugins import load_class, syntax_tree
from benchmark.schema.tuned import SEARCHED
from benchmark.submitting.check.findings import Failed, Finding, find
from benchmark.submitting.check.imports import check_imports
from benchmark.submitting.check.metadata import check_metadata
from benchmark.submitting.check.names import CHECKS, LOADS, PICTURES
from benchmark.submitting.check.problem import RECIPE, sources, take_pictures
from benchmark.submitting.check.trials import TRIALS

BASES = (LocalMethod, ModularMethod, Method)


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
    before = _settings()
    found: type[Method] = load_class(path, Method)
    if changed := [name for name, value in _settings().items() if value != before[name]]:
        raise Failed(f"Importing it changes {changed[0]} of the process: a file defines its class, and does no more.")
    base = next(each for each in found.__mro__ if each in BASES)
    _check_signatures(found, base)
    used = {node.attr for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.Attribute)}
    for name in vars(found).keys() - set(dir(base)) - used:
        near = get_close_matches(name, set(dir(base)) - vars(found).keys(), n=1, cutoff=0.85)
        if near and not name.startswith("_"):
            raise Failed(f"`{name}` is no part of {base.__name__}, and is never used; did you mean `{near[0]}`?")
    check_optimizer(f"{path}: recipe.optimizer", RECIPE.changed(_of_optimiser(found.recipe)), "cpu")
    sources[found] = path
    methods.append(found)
    return f"The file can be imported; it defines {found.__name__}."


def _settings() -> dict[str, Any]:
    """Settings of a process that hold for all methods in it, in words."""
    draws = Randomness.now(torch.device("cpu"))
    return {
        "the default type of floats": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "the number of threads": torch.get_num_threads(),
        "whether gradients are computed": torch.is_grad_enabled(),
        "the search for anomalies": torch.is_anomaly_enabled(),
        "the precision of matrix products": torch.get_float32_matmul_precision(),
        "whether algorithms repeat themselves": torch.are_deterministic_algorithms_enabled(),
        "the random generators": (draws.python, str(draws.numpy), draws.cpu.tolist()),
    }


def _check_signatures(found: type[Method], base: type[Method]) -> None:
    """What overrides a part of the contract can be called as the engine calls that."""
    for name, own in vars(found).items():
        theirs = getattr(base, name, None)
        if not (isfunction(own) and isfunction(theirs)):
            continue
        names = list(signature(theirs).parameters)
        try:
            signature(own).bind(*names)
        except TypeError:
            raise Failed(f"`{name}` must take ({', '.join(names)}), as {base.__name__}'s does.") from None


def _of_optimiser(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in recipe.items() if name in SEARCHED}
