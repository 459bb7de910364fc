"""Time the dashboard in headless Chromium: ``python tests/time_dashboard.py DIR`` (DIR: see many_results.py).

A script, not a test: it needs playwright and Debian's chromium, and its figures hang on the machine.
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


def opening(browser: Browser, address: str) -> tuple[float, Page]:
    """Seconds from navigation, with an empty browser cache, until a table (or chart, or heading) is there."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()

    def visit() -> None:
        page.goto(address, wait_until="commit")
        page.wait_for_function(f"() => ({ROWS})() || document.querySelector('{DRAWN}')")

    return seconds(visit), page


def filtering(page: Page, label: str = "Family") -> float:
    """Seconds from the click on a filter's last option, as the page sees it, until the table has other rows."""
    page.locator("[data-testid=stMultiSelect]", has_text=label).locator("input").first.click()
    before = page.evaluate(ROWS)

    page.evaluate("() => addEventListener('click', () => { window.clicked = performance.now() }, true)")
    page.get_by_role("option").last.click()
    page.wait_for_function(CHANGED, arg=before)
    return float(page.evaluate("() => performance.now() - window.clicked")) / 1000


def main(results: Path) -> None:
    """Print the figures of the first session after the start, then of three new ones, and of filters."""
    with serving(results) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        print(f"leaderboard, first session {opening(browser, address)[0]:.2f} s")
        for _ in range(3):
            opened, page = opening(browser, address)
            print(f"leaderboard {opened:.2f} s, filter {filtering(page):.2f} s, next {filtering(page):.2f} s")
        for name in sys.argv[2:]:
            opened, page = opening(browser, f"{address}/{name}")
            print(f"{name} {opened:.2f} s" + (f", filter {filtering(page, 'Status'):.2f} s" if name == "runs" else ""))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
