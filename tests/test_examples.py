"""The notebooks, run from top to bottom as a reader would: each code cell as Python, in one namespace."""

import json

import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_says_what_it_promises(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    namespace: dict = {"__name__": "__main__"}
    for number, source in enumerate(cells):
        exec(compile(source, f"{path.name}, cell {number}", "exec"), namespace)
    assert "the same logits: True" in capsys.readouterr().out
    assert namespace["local"].step_bytes() < namespace["twin"].step_bytes()
    assert namespace["local"].top1 > 2 * 100 / len(namespace["local"].classes)
    assert list(tmp_path.iterdir()) == []
