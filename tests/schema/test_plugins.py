"""Whatever a method's file holds, reading it is one sentence that names it, in bounded work, and the others go on."""

import ast
import os
import py_compile

import pytest
from conftest import ROOT
from workshop import beyond, mistake, run, workshop

from benchmark.engine.load import load_method
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.running.cell import how_it_ended
from benchmark.schema import plugins
from benchmark.schema.plugins import METHODS, file_sha256, line_of_plugin, load_class, loaded_sha256, method_metadata
from benchmark.submitting.check.findings import find
from benchmark.submitting.check.imports import check_imports
from benchmark.submitting.check.metadata import check_metadata
from benchmark.submitting.check.worker import check_method
from benchmark.tables.files import write_tables

__all__ = ["workshop"]
METHOD = '''"""A method, https://example.org."""
import torch.nn.functional as F
from benchmark import LocalMethod, heads

class Mine(LocalMethod):
    title = "Mine"
    paper = "https://example.org"
    authors = "José Pérez"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)
'''
YEAR = "year = 2026"


def literal(text: str) -> bytes:
    return METHOD.replace(YEAR, f"{YEAR}\n    {text}").encode()


def rate(lr: str) -> bytes:
    return literal(f"recipe = {{'optimizer': 'sgd', 'lr': {lr}}}")


def tuned(tunes: str) -> bytes:
    return literal(f"defaults = {{'a': 1, 'b': 1, 'c': 1}}\n    tunes = {tunes}")


BROKEN = {
    "latin-1": (METHOD.encode("latin-1"), "is no UTF-8 text (line 8); save it as UTF-8."),
    "utf-16": (METHOD.encode("utf-16"), "begins with a byte order mark"),
    "bom": (METHOD.encode("utf-8-sig"), "begins with a byte order mark"),
    "nul": (METHOD.encode() + b"\0", "that shows as nothing (U+0000)"),
    "bidi": (METHOD.replace("heads.L", "heads\u202e.L").encode(), "in line 12 that shows as nothing (U+202E)"),
    "zero width": (METHOD.replace("Mine(", "Mi\u200bne(").encode(), "shows as nothing (U+200B)"),
    "escapes": (METHOD.replace("A method", "A \x1b[31mmethod").encode(), "shows as nothing (U+001B)"),
    "cookie": (b"# coding: utf-7\n" + METHOD.encode(), "says that it is written in utf-7"),
    "huge": (METHOD.encode() + b"#" * 70_000, "is larger than 64 KiB"),
    "unhashable": (literal("defaults = {[]: 1}"), "line 10 has a literal `defaults` that cannot be read (TypeError"),
    "int keys": (literal("variants = {1: {}}"), "`variants` holds a key of type int"),
    "a set": (literal("defaults = {'a': {1}}"), "`defaults` holds a value of type set"),
    "bytes": (literal("defaults = {'a': b'x'}"), "`defaults` holds a value of type bytes"),
    "infinite": (literal("defaults = {'a': 1e999}"), "`defaults` holds the number inf"),
    "digits": (literal(f"defaults = {{'a': {'9' * 10_000}}}"), "syntax error in line 10: Exceeds the limit"),
    "hex digits": (literal(f"defaults = {{'a': 0x{'f' * 10_000}}}"), "`defaults` holds a whole number beyond 2^53"),
    "hex title": (METHOD.replace('"Mine"', "0x" + "f" * 10_000).encode(), "`title` holds a whole number beyond"),
    "brackets": (literal(f"defaults = {'[' * 5000}"), "syntax error in line 10: too many nested parentheses"),
    "unary": (literal(f"defaults = {'-' * 50_000}1"), "is nested too deeply or too long"),
    "operators": (literal(f"defaults = 1{'+1' * 25_000}"), "is nested too deeply or too long"),
    "attributes": (literal(f"x = a{'.a' * 25_000}"), "is nested too deeply or too long"),
    "deep lists": (literal(f"defaults = {{'a': {'[' * 30 + ']' * 30}}}"), "`defaults` holds lists more than 20 deep"),
    "escaped bidi": (METHOD.replace('"Mine"', r'"Mi\u202ene"').encode(), "`title` holds a character that shows"),
    "escaped doc": (METHOD.replace("A method", r"A \x1b[31mmethod").encode(), "`doc` holds a character that shows"),
    "two lines": (METHOD.replace('"Mine"', r'"Mi\nne"').encode(), "`title` must be one line of at most 300 characters"),
    "long title": (METHOD.replace('"Mine"', f'"{"x" * 1000}"').encode(), "`title` must be one line"),
    "yes for a year": (METHOD.replace("2026", "True").encode(), "`year` is True, but must be a literal int"),
    "reach": (literal("reach = -1"), "`reach` is -1, but must be a whole number from 0, or None."),
    "recipe": (literal("recipe = {'rate': 1}"), "`recipe` says 'rate'; it may say epochs, batch, optimizer, lr"),
    "recipe's rate": (literal("recipe = {'lr': 0.1}"), "`recipe` says one of `optimizer` and `lr`; say both or"),
    "recipe's value": (rate("'fast'"), "`recipe` is wrong at `lr`: Input should be a valid number"),
    "recipe's bound": (rate("-1"), "`recipe` is wrong at `lr`: Input should be greater than 0."),
    "recipe's flag": (literal("recipe = {'momentum': True}"), "`recipe` is wrong: `momentum` is true"),
    "no recipe": (literal("recipe = [0.1]"), "`recipe` is [0.1], but must be a literal dict"),
    "computed recipe": (literal("recipe = dict(lr=0.1)"), "computes `recipe`, which is read without running the file"),
    "tunes": (literal("tunes = {'b': [1]}"), "`tunes` names 'b', which is no option; `defaults` has none."),
    "tunes three": (tuned("{'a': [1], 'b': [1], 'c': [1]}"), "`tunes` names 3 options; name the 2 that matter most."),
    "citation of no field": (literal("citation = {'venue': 'X'}"), "`citation` says 'venue'; it may say author, "),
    "citation of lines": (literal("citation = {'author': 'A\\nB'}"), "`citation` has 'A\\nB' for 'author'; write one"),
    "tunes a number": (tuned("{'a': 1}"), "`tunes` has 1 for 'a'; write a pair (low, high) of positive numbers"),
    "tunes nothing": (tuned("{'a': []}"), "`tunes` has [] for 'a'; write a pair"),
    "tunes downwards": (tuned("{'a': (2, 1)}"), "`tunes` has (2, 1) for 'a'; write a pair"),
    "tunes from zero": (tuned("{'a': (0, 1)}"), "`tunes` has (0, 1) for 'a'; write a pair"),
    "tunes words": (tuned("{'a': ('x', 'y')}"), "`tunes` has ('x', 'y') for 'a'; write a pair"),
    "tunes a set": (tuned("{'a': {1}}"), "`tunes` holds a value of type set"),
    "cut_matters": (literal("cut_matters = 'no'"), "`cut_matters` is 'no', but must be a literal bool"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path, raw, sentence):
    path = tmp_path / "mine.py"
    path.write_bytes(raw)
    with pytest.raises(UserError) as refusal:
        method_metadata(path)
    assert str(refusal.value).startswith(str(path))
    assert sentence in str(refusal.value)
    assert str(refusal.value).isprintable()
    found = list(check_method(path))
    assert [f.check for f in found] == ["metadata"]  # nothing looks at it again
    assert sentence in found[0].sentence


def test_an_honest_file_is_read_and_loaded(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(METHOD.replace("\n", "\r\n").encode())
    assert method_metadata(path)["authors"] == "José Pérez"
    assert load_class(path, Method).title == "Mine"


def test_a_recipe_says_any_part_and_tunes_are_ranges_or_choices(tmp_path):
    path = tmp_path / "mine.py"
    tunes = "{'a': (0.1, 2), 'b': [None, 'x', [1, 2]]}"
    path.write_bytes(tuned(tunes + "\n    recipe = {'epochs': 400}"))
    found = method_metadata(path)
    assert found["recipe"] == {"epochs": 400}
    assert found["tunes"] == {"a": (0.1, 2), "b": [None, "x", [1, 2]]}
    assert load_class(path, Method).tunes == found["tunes"]


def test_the_baselines_have_nothing_of_their_own_to_tune():
    for name in ("e2ebp", "gradient_checkpointing"):
        assert not method_metadata(ROOT / METHODS / f"{name}.py").get("tunes")


def test_a_text_is_parsed_once_and_one_that_is_refused_never(tmp_path, monkeypatch):
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(plugins.ast, "parse", lambda text, **more: parsed.append(len(text)) or parse(text, **more))
    path = tmp_path / "once.py"
    monkeypatch.setattr("benchmark.submitting.check.metadata.METHODS", tmp_path)
    plugins._tree.cache_clear()
    path.write_text(METHOD, encoding="utf-8")
    for look in (check_metadata, check_imports):
        assert find("", lambda look=look: look(path)).passed
    assert parsed == [len(METHOD)]
    path.write_bytes(b"x = 1\n" * 1_400_000)
    for look in (check_metadata, check_imports):
        assert "is larger than 64 KiB" in find("", lambda look=look: look(path)).sentence
    path.write_bytes(BROKEN["operators"][0])
    for look in (check_metadata, check_imports):
        assert not find("", lambda look=look: look(path)).passed
    assert len(parsed) == 2


def test_long_chains_of_attributes_cost_no_square(tmp_path, monkeypatch):
    steps = []
    path = tmp_path / "chains.py"
    path.write_text("import torch\n" + ("torch" + ".a" * 900 + "\n") * 30, encoding="utf-8")
    from benchmark.submitting.check import imports

    within = imports._within
    monkeypatch.setattr(imports, "_within", lambda name: steps.append(name.count(".")) or within(name))
    check_imports(path)
    assert sum(steps) < 30 * 900 * 8
    path.write_text("import torch\ntorch.hub.load.a.b.c.d.e.f.g\n", encoding="utf-8")
    assert "Line 2 uses torch.hub" in find("", lambda: check_imports(path)).sentence


def test_what_runs_is_the_text_that_is_hashed_and_no_stale_bytecode(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(METHOD.replace('"Mine"', '"Evil"'), encoding="utf-8")
    py_compile.compile(str(path))
    before = path.stat()
    path.write_text(METHOD, encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    loaded = load_class(path, Method)
    assert loaded.title == "Mine"
    assert loaded_sha256(loaded) == file_sha256(path)
    path.write_text("", encoding="utf-8")
    assert loaded_sha256(loaded) != file_sha256(path)


def test_a_file_whose_error_cannot_say_anything_is_one_sentence(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("raise ValueError(16**9999)\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"mine\.py cannot be imported \(ValueError: \(its text cannot be had: ValueError"
    ):
        load_class(path, Method)


def test_an_error_says_the_line_of_the_file_where_it_began(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(METHOD + "\n    def after_step(self, k):\n        return {}[k]\n", encoding="utf-8")
    with pytest.raises(KeyError) as found:
        load_class(path, Method).after_step(None, 3)
    assert line_of_plugin(found.value) == "line 18 of the file"
    assert how_it_ended(found.value) == ("failed", "KeyError: 3 (line 18 of the file)")
    assert not line_of_plugin(KeyError(3))


def test_a_file_that_exits_when_imported_is_one_sentence(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("raise SystemExit('\\x1b[2J')\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine.py cannot be imported \(SystemExit:  \[2J\)"):
        load_class(path, Method)


@pytest.mark.parametrize("name", ["My-Method", "a\n", "Ünï", "\x1b[31m"], ids=ascii)
def test_a_name_that_is_no_id_stops_nobody_else(workshop, name):
    (workshop / METHODS / f"{name}.py").write_text("", encoding="utf-8")
    assert load_method("dgl")
    with pytest.raises(UserError, match="has a name that is no id"):
        plugins.plugin_ids(METHODS)
    with pytest.raises(UserError, match=r"did you mean dgl\?"):
        load_method("dglx")


@pytest.mark.parametrize("kind", ["latin-1", "bidi", "unhashable", "operators"])
def test_the_other_methods_go_on(workshop, monkeypatch, capsys, kind):
    (workshop / METHODS / "other.py").write_bytes(BROKEN[kind][0])
    if kind == "latin-1":  # whole runs take their time
        assert {status for _, _, status in run("greedy_sl").trained} == {"ok"}
    assert "methods/other.py" in mistake(monkeypatch, capsys, "run", "tiny", "--method", "other")
    write_tables()
    code, err = beyond(monkeypatch, capsys, "table")
    assert code == 0
    assert "methods/other.py" in err
    assert len(err.splitlines()) == 1
    assert find("metadata", lambda: check_metadata(METHODS / "dgl.py")).passed
