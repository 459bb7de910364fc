"""Find and load the plugin files: ``methods/*.py`` and ``datasets/*.py``.

The folders are not packages and never on ``sys.path`` (Hugging Face's ``datasets`` must stay importable):
a file is loaded by its path, from the bytes whose hash is kept with the class, never from a stale ``__pycache__``.
What lists, tables and pipelines need of a method (title, family, paper, variants) are literals, read without
importing the file. Whatever a file holds, reading it ends in bounded time and memory, and in one sentence.
"""

import ast
import difflib
import hashlib
import importlib.util
import inspect
import re
import traceback
import warnings
from collections.abc import Container
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from benchmark.errors import UserError
from benchmark.schema.plain import not_plain
from benchmark.schema.recipe import Recipe
from benchmark.schema.text import decoded, printable, read_bytes, said

ID = re.compile(r"^[a-z0-9][a-z0-9_]*\Z")  # not $, which a line break may follow
LARGEST = 2**16  # bytes of a plugin's file: parsing takes a thousand times that, and for some texts their square
LONGEST_TITLE = 300  # characters, and of what else stands in one line
METHODS = Path("methods")
DATASETS = Path("datasets")
FAMILIES = ("end-to-end", "weakly modular", "strictly modular")
METADATA = ("title", "paper", "authors", "year", "family")
KINDS: dict[str, type] = {
    **dict.fromkeys(("title", "paper", "authors", "family", "requires"), str),
    **{"year": int, "variants": dict, "defaults": dict, "removes": tuple, "leaves": tuple},
    **dict.fromkeys(("recipe", "tunes", "citation"), dict),
    **dict.fromkeys(("cut_matters", "descends", "everywhere", "readout", "steps_early"), bool),
}
ONE_LINE = ("title", "paper", "authors", "family", "requires")
LITERALS = (
    *(*METADATA, "variants", "defaults", "removes", "reach", "requires", "everywhere", "leaves", "descends"),
    *("cut_matters", "recipe", "tunes", "citation", "readout", "steps_early", "views", "labels"),
)
LABELS = ("full", "pairs", "none")  # what a phase may learn from
BIBTEX = ("author", "title", "journal", "booktitle", "year")  # fields of a citation
MOST_TUNED = 2  # options of a method's own, so that all methods are searched in spaces of one size
# Literals that a class inherits, by the name of its base: its file is read without being imported.
INHERITED: dict[str, dict[str, Any]] = {
    "Method": {"removes": (), "reach": None},
    "LocalMethod": {"family": "weakly modular", "removes": ("update", "backward"), "reach": 0},
    "ModularMethod": {"family": "strictly modular", "removes": ("update", "backward"), "reach": 0},
}
AUGMENTATION = {"pad": 4, "padding": "reflect", "flip": True}  # of a data set that says nothing of it
# Weights that a method may leave alone on purpose: of all modules but the last, of the last, of normalisations, and
# the biases of all other layers.
LEAVES = ("hidden", "output", "norms", "biases")
LOCKS = ("forward", "update", "backward")
LOADED_FROM = "__file_sha256__"  # attribute of a loaded class
PLUGIN = "beyond_plugin_"  # how the names of loaded plugins begin, as modules


def plugin_ids(folder: Path, without: Container[str] = ()) -> list[str]:
    """Ids of all plugins of a folder, sorted; ``without`` are names of files that are left out.

    Raises:
        UserError: a file's name is not an id, or there is no such folder here.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}/ here; run `beyond` from the top of the repository.")
    names = [name for name in _names(folder) if name not in without]
    for name in names:
        if not ID.match(name):
            raise UserError(_no_id(folder, name))
    return names


def _no_id(folder: Path, name: str) -> str:
    return f"{folder / name}.py has a name that is no id; use small letters, digits and _ only."


def _names(folder: Path) -> list[str]:
    """Names of a folder's files, those of editors and file managers left out."""
    return [path.stem for path in sorted(folder.glob("*.py")) if not path.name.startswith(".")]


def broken_methods(folder: Path = METHODS) -> dict[str, str]:
    """By name: a sentence on each method's file that cannot be read, for commands that go on without it."""
    found = {}
    for name in _names(folder):
        try:
            if not ID.match(name):
                raise UserError(_no_id(folder, name))
            method_metadata(folder / f"{name}.py")
        except UserError as error:
            found[name] = str(error)
    return found


def plugin_path(folder: Path, name: str) -> Path:
    """The file of a plugin.

    Raises:
        UserError: there is none; the message names the nearest ones.
    """
    path = folder / f"{name}.py"
    if ID.match(name) and path.is_file():
        return path
    known = [name for name in _names(folder) if ID.match(name)] or plugin_ids(folder)
    near = difflib.get_close_matches(name, known, n=3) or known
    raise UserError(f"There is no {folder.name.rstrip('s')} {name!r} in {folder}/; did you mean {', '.join(near)}?")


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_class(path: Path, base: type) -> type:
    """Import a plugin file and return the one subclass of ``base`` that it defines.

    Raises:
        UserError: the file cannot be read or imported, or defines none or several.
    """
    raw = read_bytes(path, LARGEST)
    module = _import_text(decoded(raw, path), path)
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise UserError(f"{path} must define exactly one subclass of {base.__name__}; it defines {names}.")
    setattr(found[0], LOADED_FROM, hashlib.sha256(raw).hexdigest())
    return found[0]


def loaded_sha256(plugin: type) -> str:
    """Hex digest of the very bytes that a class was loaded from, whatever its file holds by now."""
    return str(vars(plugin)[LOADED_FROM])


def _import_text(text: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{PLUGIN}{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.origin is not None
    module = importlib.util.module_from_spec(spec)
    try:
        exec(compile(text, spec.origin, "exec", dont_inherit=True), vars(module))
    except SyntaxError as error:
        raise UserError(_syntax_error(path, error)) from None
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} cannot be imported ({said(error)}).") from None
    return module


def line_of_plugin(error: BaseException) -> str:
    """``line 7 of the file``: where in a plugin's file an exception began; empty if it began in none."""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if str(frame.f_globals.get("__name__", "")).startswith(PLUGIN)]
    return f"line {lines[-1]} of the file" if lines else ""


def _syntax_error(path: Path, error: SyntaxError) -> str:
    return f"{path} has a syntax error in line {error.lineno}: {printable(error.msg)}."


def syntax_tree(path: Path) -> ast.Module:
    """A plugin's file, parsed and not run; the same text is parsed once, however often it is asked for.

    Raises:
        UserError: it cannot be read, has a syntax error, or is nested too deeply to be parsed.
    """
    tree = _tree(decoded(read_bytes(path, LARGEST), path), path)
    if isinstance(tree, str):
        raise UserError(tree)
    return tree


def parsed(text: str, path: Path) -> ast.Module | str:
    """The tree of a text, or the sentence why there is none; ``path`` is what the sentence calls it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash too many; its author hears of it when it is run
            return ast.parse(text, filename=str(path))
    except SyntaxError as error:
        return _syntax_error(path, error)
    except (ValueError, RecursionError, MemoryError, OverflowError):
        return f"{path} cannot be parsed: something in it is nested too deeply or too long; write it plainly."


_tree = lru_cache(maxsize=128)(parsed)  # tables ask for all methods of a suite, and then for those of the next


def method_metadata(path: Path) -> dict[str, Any]:
    """The literals of a method's class, and its docstring, read without importing the file.

    Raises:
        UserError: a text that cannot be read, a syntax error, no class, or a piece of metadata that is missing,
            wrong or no literal. Nothing else is raised, whatever the file holds.
    """
    tree = syntax_tree(path)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in classes:
        literals = _literals(node, path)
        if "title" in literals:
            break
    else:
        raise UserError(f"{path} defines no class with a literal `title`; a method is one subclass of Method.")
    bases = [base for each in node.bases if (base := ast.unparse(each).rpartition(".")[2]) in INHERITED]
    if not bases:
        raise UserError(f"{path}: class {node.name} must derive from {', '.join(INHERITED)}, by that name.")
    literals = {**INHERITED[bases[0]], **literals}
    missing = [key for key in METADATA if not literals.get(key)]
    if missing:
        raise UserError(f"{path}: class {node.name} lacks the literal `{missing[0]}`.")
    said = {"variants": {}, "cut_matters": True, "requires": "", "everywhere": True, **literals}
    said["doc"] = ast.get_docstring(tree) or ast.get_docstring(node) or ""
    if fault := _fault(said):
        raise UserError(f"{path}: {fault}")
    return said


def data_set_literals(path: Path) -> dict[str, Any]:
    """What a data set's file says of its title and of the augmentation of its pictures, read without importing it.

    One whose ``load`` is annotated to return `PictureFiles` ``streams``: its pictures are cropped as they are read, and
    not padded.

    Raises:
        UserError: as :func:`method_metadata`.
    """
    said = dict(AUGMENTATION)
    for node in syntax_tree(path).body:
        if isinstance(node, ast.ClassDef):
            said |= _literals(node, path, ("title", *AUGMENTATION))
            if _loads_files(node):
                said = {"title": said.get("title"), "flip": True, "streams": True}
    return said


def _loads_files(node: ast.ClassDef) -> bool:
    loads = (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "load")
    return any(each.returns is not None and "PictureFiles" in ast.unparse(each.returns) for each in loads)


def _fault(said: dict[str, Any]) -> str:
    """What is wrong with literals that are all there; empty if nothing is."""
    for key, value in said.items():
        if odd := not_plain(value):
            return f"`{key}` holds {odd}; write plain numbers and text."
    for key, kind in KINDS.items():
        if type(said.get(key, kind())) is not kind:
            return f"`{key}` is {said[key]!r}, but must be a literal {kind.__name__}."
    for key in ONE_LINE:
        if len(said[key]) > LONGEST_TITLE or not said[key].replace("\u00a0", " ").isprintable():
            return f"`{key}` must be one line of at most {LONGEST_TITLE} characters."
    if said.get("reach") is not None and (type(said["reach"]) is not int or said["reach"] < 0):
        return f"`reach` is {said['reach']!r}, but must be a whole number from 0, or None."
    if not (said["everywhere"] or said["requires"]):
        return "`everywhere` is False, so `requires` must say which networks it is for."
    if said["family"] not in FAMILIES:
        return f"there is no family {said['family']!r}; choose one of {', '.join(FAMILIES)}."
    if unknown := [word for word in said.get("removes", ()) if word not in LOCKS]:
        return f"there is no lock {unknown[0]!r} to remove; the locks are {', '.join(LOCKS)}."
    if said.get("views", 1) not in (1, 2):
        return f"`views` is {said['views']!r}; a batch has 1 or 2 augmented views of each picture."
    if said.get("labels", "full") not in LABELS:
        return f"`labels` is {said['labels']!r}; it may be {', '.join(LABELS)}."
    if others := [word for word in said.get("leaves", ()) if word not in LEAVES]:
        return f"there are no weights {others[0]!r} to leave; say some of {', '.join(LEAVES)}."
    for variant, options in said["variants"].items():
        if not (isinstance(variant, str) and ID.match(variant) and isinstance(options, dict)):
            return f"variant {variant!r} needs a name of small letters, digits and _ and a dict of options."
        if others := [name for name in options if name not in said.get("defaults", {})]:
            known = ", ".join(said.get("defaults", {})) or "none"
            return f"variant {variant!r} sets {others[0]!r}, which is no option; `defaults` has {known}."
    for field, text in said.get("citation", {}).items():
        if field not in BIBTEX:
            return f"`citation` says {field!r}; it may say {', '.join(BIBTEX)}."
        if not isinstance(text, str) or len(text) > LONGEST_TITLE or not text.isprintable():
            return f"`citation` has {text!r} for {field!r}; write one line of at most {LONGEST_TITLE} characters."
    return _recipe_fault(said.get("recipe", {})) or _tunes_fault(said.get("tunes", {}), said.get("defaults", {}))


def _recipe_fault(recipe: dict[str, Any]) -> str:
    """What is wrong with a paper's recipe: some of the settings of a suite's, whatever of them the paper says."""
    if ("optimizer" in recipe) != ("lr" in recipe):
        return "`recipe` says one of `optimizer` and `lr`; say both or neither, as a rate suits one optimiser alone."
    try:
        read = Recipe.model_validate({"epochs": 1, "batch": 1, "lr": 1.0, **recipe})
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            return f"`recipe` says {first['loc'][0]!r}; it may say {', '.join(Recipe.model_fields)}."
        where = f"`recipe` is wrong at `{first['loc'][0]}`" if first["loc"] else "`recipe` is wrong"
        return f"{where}: {printable(first['msg'].removeprefix('Value error, '))}."
    texts = [name for name, value in recipe.items() if isinstance(value, str) and getattr(read, name) != value]
    return f"`recipe` is wrong at `{texts[0]}`: {recipe[texts[0]]!r} is text, where a number is meant." if texts else ""


def _tunes_fault(tunes: dict[str, Any], options: dict[str, Any]) -> str:
    """What is wrong with the options that may be tuned: a pair of positive numbers, or a list of choices, each."""
    if len(tunes) > MOST_TUNED:
        return f"`tunes` names {len(tunes)} options; name the {MOST_TUNED} that matter most."
    for name, values in tunes.items():
        if name not in options:
            return f"`tunes` names {name!r}, which is no option; `defaults` has {', '.join(options) or 'none'}."
        if not (_is_range(values) if type(values) is tuple else type(values) is list and values):
            return (
                f"`tunes` has {values!r} for {name!r}; write a pair (low, high) of positive numbers, low < high, "
                "or a list of choices."
            )
    return ""


def _is_range(values: tuple[Any, ...]) -> bool:
    """Whether it is a pair of positive numbers, the lower one first."""
    numbers = all(type(value) in (int, float) for value in values)
    return numbers and len(values) == 2 and 0 < values[0] < values[1]


def _literals(node: ast.ClassDef, path: Path, wanted: Container[str] = LITERALS) -> dict[str, Any]:
    values = {}
    for item in node.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        value = getattr(item, "value", None)
        if isinstance(target, ast.Name) and target.id in wanted and value is not None:
            try:
                values[target.id] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
                fault = f"computes `{target.id}`, which is read without running the file: write it out"
                if not isinstance(error, ValueError):
                    reason = printable(f"{type(error).__name__}: {error}")
                    fault = f"has a literal `{target.id}` that cannot be read ({reason}); write plain numbers and text"
                raise UserError(f"{path}: line {item.lineno} {fault}.") from None
    return values
