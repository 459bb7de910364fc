"""Pictures of every page of the dashboard, wide and narrow: ``python scripts/screenshots.py FOLDER [--dark]``.

The README's are ``leaderboard-1400.png`` and ``pages.png``, all of them on a sheet. Needs Debian's chromium;
``BEYOND_RESULTS`` names other results.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

TOP = Path(__file__).parent.parent
sys.path.insert(0, str(TOP / "tests"))
from shown import PAGES  # noqa: E402
from time_dashboard import QUIET, serving  # noqa: E402

from benchmark.display.reading import results_folder  # noqa: E402

WIDTHS = {1400: 910, 400: 800}  # and heights, pixels
ROW = 364  # height of a picture on the sheet
COLOURS = 192  # of a picture
PATIENCE = 300_000  # ms: the machine may be busy
DRAWN = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
  && !document.querySelector('[data-testid=stSkeleton]')"""  # the grey place of what is still loaded


def main(folder: Path, scheme: str) -> None:
    """Write ``<page>-<width>.png`` for all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving(results_folder().absolute()) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for width, height in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.set_default_timeout(PATIENCE)
            for name in PAGES:
                page.goto(address if name == PAGES[0] else f"{address}/{name}")
                page.wait_for_selector("h1")
                page.wait_for_function(DRAWN)
                page.wait_for_timeout(2500)  # charts and tables are drawn on canvases, which say nothing
                picture = folder / f"{name}-{width}.png"
                page.screenshot(path=picture)
                _save(Image.open(picture), picture)
        browser.close()
    _save(
        sheet([Image.open(folder / f"{name}-{width}.png") for name in PAGES for width in WIDTHS]), folder / "pages.png"
    )


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """The pictures in rows of four."""
    small = [p.convert("RGB").resize((p.width * ROW // p.height, ROW), Image.Resampling.LANCZOS) for p in pictures]
    rows = [small[i : i + 4] for i in range(0, len(small), 4)]
    whole = Image.new("RGB", (max(sum(p.width + 8 for p in row) for row in rows), (ROW + 8) * len(rows)), "#808080")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            whole.paste(picture, (sum(p.width + 8 for p in row[:across]), down * (ROW + 8)))
    return whole


def _save(picture: Image.Image, path: Path) -> None:
    picture.convert("RGB").quantize(COLOURS, kmeans=2).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "dark" if "--dark" in sys.argv else "light")
