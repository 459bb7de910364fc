"""Find and load the plugin files: ``methods/*.py`` and ``datasets/*.py``.

The folders are not packages and never on ``sys.path`` (Hugging Face's ``datasets`` must stay importable):
a file is loaded by its path. What lists, tables and pipelines need of a method (title, family, paper,
variants) are literals, read without importing the file.
"""

import ast
import difflib
import hashlib
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmark.errors import UserError

ID = re.compile(r"^[a-z0-9][a-z0-9_]*$")
METHODS = Path("methods")
DATASETS = Path("datasets")
FAMILIES = ("end-to-end", "weakly modular", "strictly modular")
METADATA = ("title", "paper", "authors", "year", "family")
KINDS: dict[str, type] = {
    **dict.fromkeys(("title", "paper", "authors", "family", "requires"), str),
    **{"year": int, "variants": dict, "defaults": dict, "removes": tuple, "leaves": tuple, "descends": bool},
}
LITERALS = (*METADATA, "variants", "defaults", "removes", "reach", "requires", "leaves", "descends", "cut_matters")
# Literals that a class inherits, by the name of its base: its file is read without being imported.
INHERITED: dict[str, dict[str, Any]] = {
    "Method": {"removes": (), "reach": None},
    "LocalMethod": {"family": "weakly modular", "removes": ("update", "backward"), "reach": 0},
    "ModularMethod": {"family": "strictly modular", "removes": ("update", "backward"), "reach": 0},
}
# Weights that a method may leave alone on purpose: of all modules but the last, of the last, of normalisations, and
# the biases of all other layers.
LEAVES = ("hidden", "output", "norms", "biases")
LOCKS = ("forward", "update", "backward")
PLUGIN = "beyond_plugin_"  # how the names of loaded plugins begin, as modules


def plugin_ids(folder: Path) -> list[str]:
    """Ids of all plugins of a folder, sorted.

    Raises:
        UserError: a file's name is not an id, or there is no such folder here.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}/ here; run `beyond` from the top of the repository.")
    ids = [path.stem for path in sorted(folder.glob("*.py"))]
    for name in ids:
        if not ID.match(name):
            raise UserError(f"{folder / name}.py has a name that is no id; use small letters, digits and _ only.")
    return ids


def plugin_path(folder: Path, name: str) -> Path:
    """The file of a plugin.

    Raises:
        UserError: there is none; the message names the nearest ones.
    """
    path = folder / f"{name}.py"
    if ID.match(name) and path.is_file():
        return path
    known = plugin_ids(folder)
    near = difflib.get_close_matches(name, known, n=3) or known
    raise UserError(f"There is no {folder.name.rstrip('s')} {name!r} in {folder}/; did you mean {', '.join(near)}?")


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_class(path: Path, base: type) -> type:
    """Import a plugin file and return the one subclass of ``base`` that it defines.

    Raises:
        UserError: the file cannot be imported, or defines none or several.
    """
    module = _import_file(path)
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise UserError(f"{path} must define exactly one subclass of {base.__name__}; it defines {names}.")
    return found[0]


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{PLUGIN}{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UserError(f"{path} has a syntax error in line {error.lineno}: {error.msg}.") from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{path} cannot be imported ({reason}).") from None
    return module


def method_metadata(path: Path) -> dict[str, Any]:
    """The literals of a method's class, and its docstring, read without importing the file.

    Raises:
        UserError: a syntax error, no class, or a piece of metadata that is missing, wrong or no literal.
    """
    try:
        tree = ast.parse(path.read_text(), filename=str(path))
    except SyntaxError as error:
        raise UserError(f"{path} has a syntax error in line {error.lineno}: {error.msg}.") from None
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in classes:
        literals = _literals(node)
        if "title" in literals:
            break
    else:
        raise UserError(f"{path} defines no class with a literal `title`; a method is one subclass of Method.")
    base = next((b.id for b in node.bases if isinstance(b, ast.Name)), "")
    literals = {**INHERITED.get(base, {}), **literals}
    missing = [key for key in METADATA if not literals.get(key)]
    if missing:
        raise UserError(f"{path}: class {node.name} lacks the literal `{missing[0]}`.")
    said = {"variants": {}, "cut_matters": True, "requires": "", **literals}
    if fault := _fault(said):
        raise UserError(f"{path}: {fault}")
    return said | {"doc": ast.get_docstring(tree) or ast.get_docstring(node) or ""}


def _fault(said: dict[str, Any]) -> str:
    """What is wrong with literals that are all there; empty if nothing is."""
    for key, kind in KINDS.items():
        if not isinstance(said.get(key, kind()), kind):
            return f"`{key}` is {said[key]!r}, but must be a literal {kind.__name__}."
    if said["family"] not in FAMILIES:
        return f"there is no family {said['family']!r}; choose one of {', '.join(FAMILIES)}."
    if unknown := set(said.get("removes", ())) - set(LOCKS):
        return f"there is no lock {sorted(unknown)[0]!r} to remove; the locks are {', '.join(LOCKS)}."
    if others := [word for word in said.get("leaves", ()) if word not in LEAVES]:
        return f"there are no weights {others[0]!r} to leave; say some of {', '.join(LEAVES)}."
    for variant, options in said["variants"].items():
        if not (isinstance(variant, str) and ID.match(variant) and isinstance(options, dict)):
            return f"variant {variant!r} needs a name of small letters, digits and _ and a dict of options."
    return ""


def _literals(node: ast.ClassDef) -> dict[str, Any]:
    values = {}
    for item in node.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        if isinstance(target, ast.Name) and getattr(item, "value", None) is not None:
            try:
                values[target.id] = ast.literal_eval(item.value)  # type: ignore[attr-defined]
            except ValueError:
                if target.id in LITERALS:
                    reason = "which is read without running the file: write it out"
                    raise UserError(f"Line {item.lineno} computes `{target.id}`, {reason}.") from None
    return values
