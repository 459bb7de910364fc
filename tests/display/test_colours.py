"""Colours of charts and chips stand out on light and dark pages, where no browser looks: in charts and canvases."""

import re
import tomllib
from pathlib import Path

import pytest
from contrast import LEAST_OF_MARKS, LEAST_OF_WORDS, contrast

from benchmark.display.looks import GREEN, LINES
from benchmark.display.texts import FAMILIES

MARKS = {*LINES, GREEN, *(colour for colour, _ in FAMILIES.values())}
THEME = tomllib.loads(Path(".streamlit/config.toml").read_text())["theme"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_words_stand_out_on_the_page(scheme):
    paper = THEME[scheme]["backgroundColor"]
    assert paper.lower() in Path("benchmark/export/static/page.css").read_text()  # both front ends have one paper
    assert {colour for colour in MARKS if contrast(colour, paper) < LEAST_OF_MARKS} == set()
    for ground in (paper, THEME[scheme]["secondaryBackgroundColor"], THEME[scheme]["dataframeHeaderBackgroundColor"]):
        for words in ("textColor", "linkColor"):
            assert contrast(THEME[scheme][words], ground) >= LEAST_OF_WORDS


def test_white_words_stand_out_on_the_chips(dashboard_on_path):
    """Streamlit writes white on a chip whose luminance is below one half."""
    from columns_shown import VERIFIED

    fits = re.findall(r'"(#\w{6})"', Path("dashboard/pages_shown/fit.py").read_text())
    chips = {*VERIFIED.values(), *fits, *(colour for colour, _ in FAMILIES.values())}
    assert {chip for chip in chips if contrast(chip, "#FFFFFF") < LEAST_OF_WORDS} == set()
