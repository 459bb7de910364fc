"""The package's rooms: imports go one way, from the later in these lists to the earlier."""

import ast

import pytest
from conftest import ROOT

PACKAGE = ROOT / "benchmark"
ROOMS = [
    *(
        "errors",
        "holm",
        "git",
        "schema",
        "ending",
        "engine",
        "running",
        "using",
        "tuning",
        "planning",
        "examining",
        "examinations",
        "tables",
        "sandbox",
        "submitting",
    ),
    *("verifying", "gpu", "display", "export", "commands", "cli", "entry"),
]
ENGINE = ["cutting", "pictures", "objectives", "training", "parallel", "former", "load", "measuring", "golden"]


def imported(path):
    """Dotted names of ours that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "benchmark":
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("benchmark."))


def upward(folder, order, prefix):
    """(file, import) of each import of a later room."""
    for path in sorted(folder.rglob("*.py")):
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        for name in imported(path) if own != "__init__" else ():
            if name.startswith(prefix):
                other = name.removeprefix(prefix).partition(".")[0]
                if order.index(other) > order.index(own):
                    yield str(path.relative_to(folder)), name


@pytest.mark.parametrize(("folder", "order"), [(PACKAGE, ROOMS), (PACKAGE / "engine", ENGINE)], ids=["rooms", "engine"])
def test_imports_go_one_way(folder, order):
    prefix = ".".join(folder.relative_to(ROOT).parts) + "."
    assert list(upward(folder, order, prefix)) == []


def test_every_file_lives_in_a_room_that_the_readme_names():
    loose = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert loose == {"errors", "holm", "ending", "git", "cli", "entry"}
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(ROOMS) - loose
    readme = (ROOT / "README.md").read_text()
    for room in rooms:
        assert f"`benchmark/{room}/`" in readme or f"`{room}/`" in readme, room


def test_an_import_of_a_later_room_is_found(tmp_path):
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "a.py").write_text("from benchmark.engine import golden\n")
    assert list(upward(tmp_path, ROOMS, "benchmark.")) == [("schema/a.py", "benchmark.engine.golden")]
