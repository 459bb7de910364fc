"""What a process keeps to its end is imported once, and never looked through for garbage."""

import subprocess
import sys

import pytest

PRELOADS = """
import gc
from benchmark.running.preload import preload
before = gc.get_freeze_count()
try:
    preload(%r)
except ImportError as reason:
    print(type(reason).__name__)
assert gc.get_freeze_count() > before
assert gc.isenabled()
"""


@pytest.mark.parametrize(("name", "says"), [("xml.dom.minidom", ""), ("not_there", "ModuleNotFoundError\n")])
def test_what_was_imported_is_out_of_the_collectors_way_and_it_works_on(name, says):
    ran = subprocess.run([sys.executable, "-c", PRELOADS % name], capture_output=True, text=True, check=True)
    assert ran.stdout == says
