"""What a first process leaves in the scratch folder does not steer a second one, nor does its environment."""

import sys

from confined import confined, mode

__all__ = ["mode"]
PLANTED = "raise SystemExit('a planted file was imported')"
NAMES = ("sitecustomize", "usercustomize", "json", "torch", "numpy", "benchmark", "small", "selectors", "ctypes")


def test_planted_modules_are_not_imported(mode, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = scratch / ".local" / "lib" / version / "site-packages"
    for folder in (scratch, site):
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (folder / f"{name}.py").write_text(PLANTED)
        (folder / "planted.pth").write_text(f"import sys; {PLANTED}\n")
    (scratch / "pyvenv.cfg").write_text(f"home = {scratch}\n")
    text = "def main(send, arguments):\n    import json, selectors, ctypes, numpy\n    send({'path': sys.path})"
    ran = confined(tmp_path, monkeypatch, text)
    assert ran.ending.how == "done", ran.ending
    assert not [place for place in ran.heard[0]["path"] if place == "" or str(scratch) in place]


def test_variables_that_steer_python_and_the_loader_are_not_handed_on(tmp_path, monkeypatch):
    library = tmp_path / "planted.so"
    steering = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONSTARTUP": "/x.py",
        "PYTHONHOME": "",
        "LD_LIBRARY_PATH": str(library),
    }
    steering |= {"LD_AUDIT": str(library), "GLIBC_TUNABLES": "x", "MALLOC_CONF": "x", "PYTHONBREAKPOINT": "x"}
    for name, value in steering.items():
        monkeypatch.setenv(name, value)
    text = "def main(send, arguments):\n    send(dict(os.environ))"
    (environment,) = confined(tmp_path, monkeypatch, text).heard
    assert not set(environment) & set(steering)
