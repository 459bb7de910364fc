"""Pictures of every page of the dashboard, wide and narrow: ``python scripts/screenshots.py FOLDER [--dark]``.

The README's is ``leaderboard-1400.png``. Needs Debian's chromium; ``BEYOND_RESULTS`` names other results.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

TOP = Path(__file__).parent.parent
sys.path.insert(0, str(TOP / "tests"))
from time_dashboard import QUIET, serving  # noqa: E402

from benchmark.display.reading import results_folder  # noqa: E402

PAGES = ("leaderboard", "trade_offs", "modules", "curves", "published", "method", "runs", "submit")
WIDTHS = {1400: 910, 400: 800}
DRAWN = "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"


def main(folder: Path, scheme: str) -> None:
    """Write ``<page>-<width>.png`` for all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving(results_folder().absolute()) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for width, height in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            for name in PAGES:
                page.goto(address if name == PAGES[0] else f"{address}/{name}")
                page.wait_for_selector("h1")
                page.wait_for_function(DRAWN)
                page.wait_for_timeout(2500)  # charts and tables are drawn on canvases, which say nothing
                page.screenshot(path=folder / f"{name}-{width}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), "dark" if "--dark" in sys.argv else "light")
