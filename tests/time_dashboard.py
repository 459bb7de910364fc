"""Time the dashboard in headless Chromium: ``python tests/time_dashboard.py DIR`` (DIR: see many_results.py).

A script, not a test: it needs playwright and Debian's chromium, and its figures hang on the machine. Of a table it
gives two times: until it is drawn, and until the page says so to screen readers, which Streamlit's table does 0.2 s
after the last change.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

TOP = Path(__file__).parent.parent
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
ROWS = "() => document.querySelector('[data-testid=stDataFrame] table[role=grid]')?.getAttribute('aria-rowcount')"
DRAWN = "[data-testid=stVegaLiteChart] :is(canvas, svg), [data-testid=stCode]"
# The table is drawn on a canvas: when a text was last written there.
NOTE_DRAWING = """const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (...all) {
  window.drawn = performance.now();
  return write.apply(this, all);
};"""
CHANGED = "(before) => (({ROWS})() ?? before) !== before".replace("{ROWS}", ROWS)


@contextmanager
def serving(results: Path) -> Iterator[str]:
    """The address of a ``streamlit run`` that shows ``results``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.headless=true"]
    environment = os.environ | {"BEYOND_RESULTS": str(results)}
    server = subprocess.Popen([*command, f"--server.port={port}"], cwd=TOP, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address).read()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(address)


def seconds(action: Callable[[], object]) -> float:
    """How long an action took."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def opening(browser: Browser, address: str) -> tuple[str, Page]:
    """Seconds from navigation, with an empty browser cache, until a table (or chart, or code) is there."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.add_init_script(NOTE_DRAWING)

    def visit() -> None:
        page.goto(address, wait_until="commit")
        page.wait_for_function(f"() => ({ROWS})() || document.querySelector('{DRAWN}')")

    whole = seconds(visit)
    drawn = page.evaluate("() => performance.now() - (window.drawn ?? performance.now())") / 1000
    return _both(whole - drawn, whole), page


def _both(drawn: float, said: float) -> str:
    return f"{drawn:.2f} s drawn, {said:.2f} s said"


def filtering(page: Page, label: str = "Family") -> str:
    """Seconds from the click on a filter's last option, as the page sees it, until the table has other rows."""
    page.locator("[data-testid=stMultiSelect]", has_text=label).locator("input").first.click()
    before = page.evaluate(ROWS)

    page.evaluate("() => addEventListener('click', () => { window.clicked = performance.now() }, true)")
    page.get_by_role("option").last.click()
    page.wait_for_function(CHANGED, arg=before)
    return _both(*page.evaluate("() => [window.drawn, performance.now()].map((t) => (t - window.clicked) / 1000)"))


def main(results: Path) -> None:
    """Print the figures of the first session after the start, then of three new ones, and of filters."""
    with serving(results) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        print(f"leaderboard, first session {opening(browser, address)[0]}")
        for _ in range(3):
            opened, page = opening(browser, address)
            print(f"leaderboard {opened}; filter {filtering(page)}; next {filtering(page)}")
        for name in sys.argv[2:]:
            opened, page = opening(browser, f"{address}/{name}")
            print(f"{name} {opened}" + (f"; filter {filtering(page, 'Status')}" if name == "runs" else ""))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
