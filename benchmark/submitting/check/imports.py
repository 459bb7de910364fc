"""What a method's file may import and call, read from its syntax.

A lint, not the protection: it tells honest authors what a reviewer will not accept. Python has more ways around
it than a list can name, so files are run in a sandbox whatever this says (:mod:`benchmark.sandbox.run`).
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmark.schema.plugins import syntax_tree
from benchmark.submitting.check.findings import Failed

STANDARD = (
    *("__future__", "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "enum", "fractions"),
    *("functools", "heapq", "itertools", "math", "numbers", "operator", "re", "statistics", "string", "types"),
    *("typing", "typing_extensions", "warnings", "weakref"),
)
NUMERIC = ("torch", "torchvision", "timm", "numpy", "scipy")
FORMER = ("buffers", "data", "heads", "infopro_objective", "losses", "method", "partition")  # see engine/former.py
OURS = ("benchmark", "benchmark.errors", *(f"benchmark.engine.{name}" for name in FORMER))
REFUSED = (  # of the packages above: files, networks, processes, foreign code
    *("torch.load", "torch.save", "torch.hub", "torch.jit", "torch.distributed", "torch.multiprocessing"),
    *("torch.package", "torch.serialization", "torch.classes", "torch.utils.cpp_extension", "torch.utils.model_zoo"),
    *(
        "torch.from_file",
        "torch.ops.load_library",
        "torchvision.datasets",
        "torchvision.io",
        "timm.data",
        "timm.models.hub",
    ),
    *("torch.compile", "torch.optim"),  # starts a compiler; the engine's own
    *("numpy.load", "numpy.save", "numpy.savez", "numpy.savetxt", "numpy.loadtxt", "numpy.fromfile", "numpy.memmap"),
    *("numpy.genfromtxt", "numpy.ctypeslib", "numpy.f2py", "numpy.distutils", "scipy.io", "scipy.datasets"),
)
PARTS = max(name.count(".") for name in REFUSED) + 1
CALLS = ("open", "eval", "exec", "__import__", "globals", "breakpoint")
DUNDERS = ("__init__", "__name__", "__class__", "__call__", "__doc__", "__len__", "__dict__", "__post_init__")
NEEDS = f"a method needs torch, numpy, scipy and {OURS[0]} only"
SAYS_LOSSES = "a method says losses: no files, no network, no code from elsewhere"
WHY = {
    "random": "draw from torch's global generator, which the engine seeds",
    "os": "a method touches no files and no processes",
    "sklearn": "its data sets hold test labels",
    "torch.optim": "the engine steps each module, by the optimiser that the suite or `recipe` says",
    "backward()": "the engine propagates back each loss that is returned or yielded, so leave it out",
    "pretrained": "all methods start from the same weights, of a seed",
    "torch.compile": "the file may start no compiler",
}


def check_imports(path: Path) -> str:
    """What the file uses, in a sentence.

    Raises:
        Failed: it uses something that it may not; says what and in which line.
        UserError: it cannot be read or parsed.
    """
    tree = syntax_tree(path)
    names = _imported(tree)
    for line, module in _modules(tree):
        if not _allowed(module):
            raise Failed(f"Line {line} imports {module}; {_why(module, NEEDS)}.")
    for line, used in sorted(_uses(tree, names)):
        raise Failed(f"Line {line} uses {used}; {_why(used, SAYS_LOSSES)}.")
    for line, changed in sorted(_changes(tree, names)):
        raise Failed(f"Line {line} changes {changed}, which all other methods use, too; leave it as it is.")
    roots = sorted({module.partition(".")[0] for _, module in _modules(tree)})
    return f"Imports {', '.join(roots)}." if roots else "Imports nothing."


def _why(name: str, else_: str) -> str:
    """Why a dotted name is refused: what is said of it, or of what it is in."""
    return next((reason for refused, reason in WHY.items() if f"{name}.".startswith(f"{refused}.")), else_)


def _modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each module that is imported, with its line; ``from a import b`` counts as a.b where that is refused."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{n.name}") for n in node.names if _within(f"{module}.{n.name}"))


def _allowed(module: str) -> bool:
    root = module.partition(".")[0]
    if root == "benchmark":
        return module in OURS
    return root in (*STANDARD, *NUMERIC) and not _within(module)


def _within(dotted: str) -> bool:
    """Whether a dotted name is a refused one, or inside one."""
    return any(dotted == name or dotted.startswith(f"{name}.") for name in REFUSED)


def _imported(tree: ast.AST) -> dict[str, str]:
    """What each name at hand stands for: ``F`` for ``torch.nn.functional``."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for n in node.names:
                root = n.name.partition(".")[0]
                names[n.asname or root] = n.name if n.asname else root
        elif isinstance(node, ast.ImportFrom):
            names.update({n.asname or n.name: f"{node.module}.{n.name}" for n in node.names})
    return names


def _uses(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Refused names and attributes, with their lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Name() if node.id in CALLS:
                yield node.lineno, f"{node.id}()"
            case ast.Call(func=ast.Attribute(attr="backward"), args=[], keywords=said) if _of_all(said):
                yield node.lineno, "backward()"
            case ast.keyword(arg="pretrained", value=value) if not (
                isinstance(value, ast.Constant) and not value.value
            ):
                yield node.lineno, "pretrained"
            case ast.Attribute():
                dotted = _dotted(node, names)
                if _within(dotted):
                    yield node.lineno, dotted
                elif node.attr.startswith("__") and node.attr not in DUNDERS:
                    yield node.lineno, node.attr


def _of_all(said: Iterable[ast.keyword]) -> bool:
    """Whether a backward pass makes the gradients of all that a loss hangs on: the engine would add its own."""
    return not {each.arg for each in said} & {"gradient", "inputs"}


def _changes(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Attributes of imported modules and classes that are set or deleted, with their lines."""
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names = {name: dotted for name, dotted in names.items() if name not in own}
    for changed in filter(None, map(_changed, ast.walk(tree))):
        if dotted := _dotted(changed, names):
            yield changed.lineno, dotted


def _changed(node: ast.AST) -> ast.expr | None:
    """The attribute that is set or deleted, or what ``setattr`` is called on."""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            return node
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[changed, *_]):
            return changed
    return None


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """The full name of an attribute of an imported module; empty for all others.

    No refused name has more parts than ``PARTS``, and what is longer has one of those inside it, met by itself.
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < PARTS:
        parts.insert(0, node.attr)
        node = node.value
    start = names.get(node.id, "") if isinstance(node, ast.Name) else ""
    return ".".join([start, *parts]) if start else ""
