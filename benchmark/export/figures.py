"""Altair's charts as SVG that stands in a page: no script, no other host, and the page's own colour of text."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import vl_convert
from altair.utils.schemapi import debug_mode
from markupsafe import Markup

WHOLE, HALF, PHONE = 1100, 420, 300  # pixels of plot; half of a page is read on a phone too, a whole one is not
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"  # of one width, so that texts are as long as reckoned
ID = re.compile(r'(\bid="|url\(#)([\w-]+)')
INK = {"fill": "currentColor"}
LOOK: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": None},
    "style": {"guide-label": INK, "guide-title": INK, "group-title": INK, "group-subtitle": INK},
    "axis": {
        **{f"{part}Color": "currentColor" for part in ("grid", "domain", "tick")},
        **{"gridOpacity": 0.12, "domainOpacity": 0.35, "tickOpacity": 0.35},
        **{"titleFontWeight": "normal", "titleFontSize": 12, "labelFontSize": 11.5},
    },
}


class Figure(NamedTuple):
    """A chart and what it shows; one that is as wide as the page has a narrow form for phones."""

    says: str
    svg: Markup
    phone: Markup | None


def figure(says: str, name: str, width: int, draw: Callable[..., Any], *data: Any) -> Figure:
    """What ``draw`` makes of the data, in this width.

    ``name`` keeps its inner ids apart from those of the page's other charts. The SVG is safe to put into a page as
    it stands: it is Vega's own, and Vega escapes the texts in it.
    """
    with debug_mode(False):  # no validation of what the tests validate: it takes most of the time
        chart = draw(*data).to_dict(validate=False)
    phone = _svg(chart, f"{name}-phone", PHONE) if width == WHOLE else None
    return Figure(says, _svg(chart, name, width), phone)


def _svg(chart: dict[str, Any], name: str, width: int) -> Markup:
    version = ".".join(re.findall(r"\d+", chart["$schema"])[:2])
    svg = vl_convert.vegalite_to_svg(chart | {"width": width}, vl_version=version, config=LOOK)
    numbers: dict[str, int] = {}  # Vega counts its ids through all charts that a process draws
    return Markup(ID.sub(lambda m: f"{m[1]}{name}-{numbers.setdefault(m[2], len(numbers))}", svg))
