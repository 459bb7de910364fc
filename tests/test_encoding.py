"""Files are UTF-8, whatever the locale: every call that opens a text says so, and a run under LC_ALL=C shows it."""

import ast
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

FOLDERS = ("benchmark", "dashboard", "scripts")
OPENERS = {"open": 1, "fdopen": 1, "read_text": None, "write_text": None, "NamedTemporaryFile": 0, "TemporaryFile": 0}
OURS = {"write_text", "read_text"}  # of schema/text.py: they are called by their bare names
C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}


def unspecified(source: str) -> list[int]:
    """Lines of the calls that open a text, or read another program's, in the encoding of the locale."""
    return [
        node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _hangs_on_locale(node)
    ]


def _hangs_on_locale(call: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if "encoding" in given:
        return False
    if name in ("run", "Popen", "check_output"):
        return bool({"text", "universal_newlines", "errors"} & set(given))
    if name not in OPENERS or (name in OURS and isinstance(call.func, ast.Name)) or _opens_bytes(call):
        return False
    place = OPENERS[name]
    if place is None:
        return True
    place -= isinstance(call.func, ast.Attribute) and name == "open"  # path.open("rb")
    mode = given.get("mode", call.args[place] if len(call.args) > place else None)
    if not isinstance(mode, ast.Constant):
        return mode is None and name in ("open", "fdopen")  # the others open bytes by default
    return "b" not in str(mode.value)


def _opens_bytes(call: ast.Call) -> bool:
    """``Image.open`` and its like, which open no text."""
    return ast.unparse(call.func) in ("Image.open", "os.open", "gzip.open", "tarfile.open", "lzma.open")


@pytest.mark.parametrize("path", [p for f in FOLDERS for p in sorted((ROOT / f).rglob("*.py"))], ids=lambda p: p.name)
def test_no_file_is_opened_in_the_encoding_of_the_locale(path):
    assert unspecified(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("open(p)", True),
        ("open(p, 'w')", True),
        ("open(p, 'rb')", False),
        ("open(p, encoding='utf-8')", False),
        ("p.open()", True),
        ("p.open('x')", True),
        ("p.open('rb')", False),
        ("p.read_text()", True),
        ("p.write_text(t)", True),
        ("write_text(t, p)", False),
        ("os.fdopen(f, 'w')", True),
        ("Image.open(p)", False),
        ("TemporaryFile()", False),
        ("NamedTemporaryFile('w')", True),
        ("subprocess.run(c, text=True)", True),
        ("subprocess.run(c, text=True, encoding='utf-8')", False),
        ("subprocess.run(c)", False),
    ],
)
def test_the_rule_sees_what_hangs_on_the_locale(call, found):
    assert bool(unspecified(call)) is found


METHOD = '''"""Après Pérez × Ωmega."""
import torch.nn.functional as F
from benchmark import LocalMethod, heads


class Perez(LocalMethod):
    title = "Pérez × Ωmega"
    paper = "https://example.org"
    authors = "José Pérez"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)
'''
EVERYTHING = """
import sys, locale
from pathlib import Path
from benchmark.engine.load import load_dataset, load_method
from benchmark.schema.record import read_record, write_record
from benchmark.tables.files import write_tables
assert locale.getpreferredencoding(False).upper() not in ("UTF-8", "UTF8"), "this is no C locale"
assert load_method("perez").title == "P\\xe9rez \\xd7 \\u03a9mega"
path = Path("results/runs/tiny/perez/cifar_resnet8-k2-s0.json")
write_record(read_record(path), path)
assert list(write_tables()["title"]) == ["P\\xe9rez \\xd7 \\u03a9mega"]
from benchmark import cli
for arguments in (["new", "mine"], ["table"], ["export", "site"]):
    sys.argv = ["beyond", *arguments]
    try:
        cli.main()
    except SystemExit as stop:
        assert not stop.code, arguments
"""


def test_everything_is_read_and_written_as_utf_8_in_a_c_locale(tmp_path):
    from records import make_record, write_runs

    for folder in ("methods", "datasets"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "datasets/digits.py", tmp_path / "datasets")
    (tmp_path / "methods/perez.py").write_text(METHOD, encoding="utf-8")
    (tmp_path / "suites.yaml").write_text("# Ωmega\n", encoding="utf-8")
    record = make_record("perez", 2, 0, 80.0, suite="tiny", backbone="cifar_resnet8")
    record = record.model_copy(update={"error": "Trop grand: π × é"}).sealed()
    write_runs(tmp_path / "results/runs", record)
    command = [sys.executable, "-c", EVERYTHING]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | C_LOCALE, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    for file in ("leaderboard.csv", "methods/perez.json", "cells/tiny.csv"):
        assert (tmp_path / "results" / file).read_bytes().decode("utf-8")
    assert "Pérez × Ωmega" in (tmp_path / "results/leaderboard.csv").read_text(encoding="utf-8")
