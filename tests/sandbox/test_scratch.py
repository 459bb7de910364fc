"""The scratch folder is gone afterwards, whatever was left in it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmark.sandbox.scratch import remove, scratch_folder
from benchmark.sandbox.usage import stored

DEEP = 1200  # beyond Python's stack, and beyond the longest path


def nest(folder: Path, depth: int) -> None:
    here = os.getcwd()
    os.chdir(folder)
    try:
        for _ in range(depth):
            os.mkdir("a folder")
            os.chdir("a folder")
        Path("at the bottom").touch()
    finally:
        os.chdir(here)


def test_nested_folders_are_counted_in_time_and_removed_however_deep(tmp_path):
    (tmp_path / "scratch").mkdir()
    nest(tmp_path / "scratch", DEEP)
    assert stored(tmp_path, 10).entries == 10
    assert 0 < stored(tmp_path, 10**6).entries <= DEEP + 2
    remove(tmp_path / "scratch")
    assert not list(tmp_path.iterdir())
    assert stored(tmp_path, 10).entries == 0


def test_odd_names_kinds_and_rights_are_removed_and_no_link_is_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "precious").write_text("precious")
    with scratch_folder(tmp_path) as scratch:
        for name in (b"\xff\xfe", b"\n" * 255, b"\x1b[2J", b"-rf", b" "):
            (Path(os.fsdecode(os.fsencode(scratch) + b"/" + name))).touch()
        os.mkfifo(scratch / "pipe")
        (scratch / "link").symlink_to(tmp_path / "kept")
        (scratch / "closed" / "inner").mkdir(parents=True)
        (scratch / "closed" / "inner" / "file").touch()
        (scratch / "closed" / "link").symlink_to(tmp_path / "kept")
        for folder in ("closed/inner", "closed", "."):
            (scratch / folder).chmod(0)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "precious").read_text() == "precious"


AS_NOBODY = """
import os, pathlib, sys
sys.path.insert(0, sys.argv[1])
from benchmark.sandbox.scratch import scratch_folder
if not os.getuid():
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
with scratch_folder(pathlib.Path(sys.argv[2])) as scratch:
    (scratch / "a/b/c").mkdir(parents=True)
    for folder in ("a/b/c", "a/b", "a", "."):
        (scratch / folder).chmod(0)
print(os.listdir(sys.argv[2]))
"""


def test_folders_without_rights_are_removed_by_others_than_root_too():
    place = tempfile.mkdtemp()  # pytest's own folder is closed to others
    os.chmod(place, 0o777)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-B", "-c", AS_NOBODY, str(root), place]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    remove(Path(place))
    assert ran.stdout == "[]\n", ran.stderr


def test_an_error_goes_on_and_the_folder_is_gone(tmp_path):
    with pytest.raises(KeyError), scratch_folder(tmp_path):
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_already_is_no_error(tmp_path):
    with scratch_folder(tmp_path) as scratch:
        scratch.rmdir()
