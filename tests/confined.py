"""Small trusted modules in the sandbox, without torch: what they send, and how they end; hostile files in them, too."""

import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from needs import needs

from benchmark.sandbox import bubblewrap, landlock
from benchmark.sandbox import run as sandbox
from benchmark.sandbox.run import Limits, run_sandboxed

HOSTILE = ROOT / "tests" / "hostile"
REFUSAL = bubblewrap.refusal()
LANDLOCK = landlock.version()
MODES = (
    pytest.param("bubblewrap", marks=needs("bwrap", works=not REFUSAL)),
    pytest.param("landlock", marks=pytest.mark.skipif(not LANDLOCK, reason="this system has no Landlock")),
    "without",
)


def switch_to(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use this protection of files and no other."""
    if mode != "bubblewrap":
        monkeypatch.setattr(bubblewrap, "refusal", lambda: "switched off by a test")
    monkeypatch.setattr(landlock, "version", lambda: LANDLOCK if mode == "landlock" else 0)


LOADS_A_FILE = """
import benchmark

def main(send, arguments):
    benchmark.LocalMethod = object  # the real one imports torch
    file, = arguments
    names = {"send": send}
    exec(compile(open(file).read(), file, "exec"), names)
"""


@pytest.fixture(params=MODES)
def mode(request, monkeypatch) -> str:
    """With bubblewrap, with Landlock in its place, and with neither."""
    switch_to(request.param, monkeypatch)
    return str(request.param)


def confined(tmp_path: Path, monkeypatch, text: str, limits: Limits | None = None, *arguments: str) -> SimpleNamespace:
    """Run the text of a trusted module with a ``main``: what was heard of it, its ending, its scratch folder."""
    package = tmp_path / "package"
    package.mkdir(exist_ok=True)
    (package / "small.py").write_text("import os, json, sys\n" + textwrap.dedent(text))
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    # found through the sandbox's own start-up line, which puts the package's folder first
    start = f"import sys; sys.path.append({str(package)!r}); {sandbox.START.replace('del sys.path[0]; ', '')}"
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "START", start)
        heard: list[dict] = []
        ending = run_sandboxed(
            "small",
            arguments,
            scratch=scratch,
            readable=[package],
            limits=limits or Limits(seconds=60),
            on_message=heard.append,
        )
    return SimpleNamespace(heard=heard, ending=ending, scratch=scratch)


def attack(tmp_path: Path, monkeypatch, name: str, limits: Limits | None = None, **places: object) -> SimpleNamespace:
    """Run a file of tests/hostile; ``@PLACE@`` in it is replaced first."""
    text = (HOSTILE / f"{name}.py").read_text()
    for place, value in places.items():
        text = text.replace(f"@{place.upper()}@", str(value))
    (tmp_path / "scratch").mkdir(exist_ok=True)
    (tmp_path / "scratch" / "hostile.py").write_text(text)
    return confined(tmp_path, monkeypatch, LOADS_A_FILE, limits, "hostile.py")
