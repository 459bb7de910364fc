"""What the README promises: its example method runs, its tables name what is there."""

import re
import shutil

from conftest import METHOD_IDS, ROOT, make_method
from training import train

from benchmark.engine.load import load_method
from benchmark.schema.suite import load_suites
from benchmark.submitting.register import with_table

README = (ROOT / "README.md").read_text()


def test_the_example_method_trains(tmp_path, monkeypatch, digits, loader):
    name, code = re.search(r"<!-- example: methods/(\w+)\.py -->\n```python\n(.*?)```", README, re.DOTALL).groups()
    shutil.copytree(ROOT / "methods", tmp_path / "methods")
    (tmp_path / "methods" / f"{name}.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    assert load_method(name).defaults == {"smoothing": 0.1}
    losses = train(make_method(name, 2, digits), loader)
    assert losses[-2] < losses[0]
    assert losses[-1] < losses[1]


def test_every_method_and_suite_is_listed():
    for name in [*METHOD_IDS, *load_suites()]:
        assert f"`{name}`" in README


def test_the_table_of_methods_says_what_their_files_say():
    assert "| `dgl` | weakly modular | update, backward | full |" in README
    assert with_table(README, METHOD_IDS) == README  # else: `beyond register`
