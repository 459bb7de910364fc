"""Take a picture of the dashboard, for the README: ``python scripts/screenshot.py board.png [--dark]``.

Starts the dashboard on a free port, opens it in a headless Chromium (which must be on the PATH), waits until
table and chart are drawn, writes a PNG of at most 300 KB, and stops both. ``BEYOND_RESULTS`` names the folder
of results if it is another than ``results``.
"""

import argparse
import base64
import io
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from PIL import Image
from websockets.sync.client import ClientConnection, connect

LIMIT = 300_000  # bytes of the picture
DRAWN = """(() => {
  const ready = document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning';
  const charts = [...document.querySelectorAll('.stVegaLiteChart')];
  return ready && charts.every(c => c.querySelector('svg, canvas')) && !document.querySelector('.stSkeleton')
    && !!document.querySelector('.stMainBlockContainer h1');
})()"""
HEIGHT = "Math.ceil(document.querySelector('.stMainBlockContainer').getBoundingClientRect().height)"


def main() -> None:
    """Parse the command line, take the picture, say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1400, help="of the window, in CSS pixels")
    parser.add_argument("--height", type=int, help="in CSS pixels; without it, the whole page")
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per CSS pixel")
    parser.add_argument("--query", default="", help="filters, e.g. suite=cifar10&modules=4")
    parser.add_argument("--dark", action="store_true")
    args = parser.parse_args()
    with dashboard() as address, browser() as send:
        picture = photograph(send, f"{address}/?{args.query}", args.width, args.height, args.scale, args.dark)
    args.out.write_bytes(compressed(picture))
    print(f"{args.out}: {args.out.stat().st_size // 1000} KB")


@contextmanager
def dashboard() -> Iterator[str]:
    """A running dashboard; gives its address."""
    port = free_port()
    options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", *options]
    with running(command):
        wait_for(
            lambda: urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).read() == b"ok",
            "the dashboard",
        )
        yield f"http://127.0.0.1:{port}"


@contextmanager
def browser() -> Iterator[Callable[..., dict[str, Any]]]:
    """A headless Chromium with one empty page; gives a function that sends it DevTools commands."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("No Chromium on the PATH; install chromium.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        options += [
            "--disable-background-networking",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
        ]
        with running([path, *options, "about:blank"]):
            port_file = Path(profile) / "DevToolsActivePort"
            wait_for(lambda: port_file.read_text().count("\n") >= 1, "Chromium")
            port = port_file.read_text().splitlines()[0]
            pages = json.load(urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10))
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            with connect(address, max_size=None, proxy=None) as socket_:
                yield commands(socket_)


def commands(connection: ClientConnection) -> Callable[..., dict[str, Any]]:
    """A function that sends one DevTools command and returns its result."""
    ids = itertools.count(1)

    def send(method: str, **params: Any) -> dict[str, Any]:
        wanted = next(ids)
        connection.send(json.dumps({"id": wanted, "method": method, "params": params}))
        while (answer := json.loads(connection.recv(timeout=60))).get("id") != wanted:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    return send


def photograph(
    send: Callable[..., dict[str, Any]],
    address: str,
    width: int,
    height: int | None,
    scale: float,
    dark: bool,
) -> bytes:
    """A PNG of the page once it is drawn."""

    def ask(script: str) -> Any:
        return send("Runtime.evaluate", expression=script)["result"].get("value")

    def resize(pixels: int) -> None:
        size = {"width": width, "height": pixels, "deviceScaleFactor": scale, "mobile": False}
        send("Emulation.setDeviceMetricsOverride", **size)

    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    send("Emulation.setEmulatedMedia", features=[scheme])
    resize(height or 1200)
    send("Page.navigate", url=address)
    wait_for(lambda: ask(DRAWN), "the page")
    if height is None:
        time.sleep(1)
        resize(ask(HEIGHT))
    time.sleep(2)  # tables and charts fade in
    return base64.b64decode(send("Page.captureScreenshot", format="png")["data"])


def compressed(picture: bytes) -> bytes:
    """The picture with as many colours as the limit allows; smaller if even a few are too many."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    method = Image.Quantize.MAXCOVERAGE  # keeps the rare colours of a chart, which MEDIANCUT would blend
    for colours in (256, 128, 64, 32):
        stored = io.BytesIO()
        image.quantize(colours, method, dither=Image.Dither.NONE).save(stored, "PNG", optimize=True)
        if stored.tell() <= LIMIT:
            return stored.getvalue()
    sys.exit(f"The picture does not fit into {LIMIT} bytes; give a smaller --height or --scale.")


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """A process that lives as long as the block."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    """Wait until the condition holds; errors count as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, IndexError):
            pass
        time.sleep(0.2)
    sys.exit(f"Waited {seconds:.0f} s for {what} in vain.")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
