"""One drawn network that shows the field's words: module, K, cut, auxiliary head, isolation, lock, twin, both families.

Colours are the text's and the families', so the picture fits light and dark; it asks nothing of another host.
"""

from markupsafe import Markup

from benchmark.display.texts import FAMILIES

WEAK, STRICT, GREY = (FAMILIES[name][0] for name in ("weakly modular", "strictly modular", "end-to-end"))
WIDTH, HEIGHT = 760, 520
LEFT, STEP, BOX = 110, 150, 92  # of modules: where the first stands, from one to the next, their width
ALT = (
    "A network cut into K = 4 modules, drawn three times. End-to-end, the twin: pictures go forward through all "
    "modules, and one loss goes backward through all. Weakly modular: pictures go forward through all modules, but at "
    "each cut the gradient stops; each module has an auxiliary head with a local loss above it, so gradients stay "
    "inside the module. Strictly modular: one module learns at a time; those before it are frozen, those after it "
    "wait."
)


def network() -> Markup:
    """The picture, as SVG."""
    rows = Markup("").join([_twin(40), _weak(190), _strict(385)])
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}" '
        'font-family="sans-serif" font-size="13" fill="currentColor">{}</svg>'
    ).format(WIDTH, HEIGHT, WIDTH, HEIGHT, ALT, rows)


def _x(k: int) -> int:
    return LEFT + k * STEP


def _text(x: float, y: float, words: str, more: str = "") -> Markup:
    return Markup('<text x="{}" y="{}" {}>{}</text>').format(x, y, Markup(more), words)


def _boxes(y: int, colours: list[str], words: list[str]) -> Markup:
    """The four modules, and arrows of the forward pass between them."""
    boxes = Markup("").join(
        Markup(
            '<rect x="{}" y="{}" width="{}" height="40" rx="4" fill="{}" fill-opacity="0.16" stroke="{}" '
            'stroke-width="1.6"/>'
        ).format(_x(k), y, BOX, colour, colour)
        + _text(_x(k) + BOX / 2, y + 25, words[k], 'text-anchor="middle"')
        for k, colour in enumerate(colours)
    )
    arrows = Markup("").join(_arrow(_x(k) - (STEP - BOX), y + 14, _x(k) - 3, y + 14) for k in range(4))
    return _text(8, y + 19, "pictures") + boxes + arrows


def _arrow(x1: float, y1: float, x2: float, y2: float, colour: str = "currentColor") -> Markup:
    """A line with a head at its end; along an axis."""
    along = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
    back = x2 - 7 * along[0], y2 - 7 * along[1]
    side = 4 * along[1], 4 * along[0]
    head = f"{x2},{y2} {back[0] + side[0]},{back[1] + side[1]} {back[0] - side[0]},{back[1] - side[1]}"
    return Markup(
        '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{}" stroke-width="1.6"/><polygon points="{}" fill="{}"/>'
    ).format(x1, y1, *back, colour, head, colour)


def _heading(y: int, name: str, says: str) -> Markup:
    return _text(8, y, name, 'font-weight="700"') + _text(8 + 8.2 * len(name), y, says, 'font-size="12"')


def _twin(y: int) -> Markup:
    said = _heading(y - 22, "End-to-end backpropagation, the twin:", "   all modules wait for the one loss (locked)")
    back = Markup("").join(_arrow(_x(k) - 3, y + 30, _x(k) - (STEP - BOX) + 3, y + 30, GREY) for k in range(1, 4))
    loss = _text(_x(3) + BOX + 24, y + 25, "loss") + _arrow(_x(3) + BOX + 20, y + 30, _x(3) + BOX + 3, y + 30, GREY)
    ks = _text(LEFT, y + 62, "K = 4 modules: the same layers, cut at three places", 'font-size="12"')
    gradient = _text(_x(1) - STEP + BOX + 6, y + 46, "gradient", 'font-size="11"')
    return said + _boxes(y, [GREY] * 4, [f"module {k}" for k in range(1, 5)]) + back + loss + ks + gradient


def _weak(y: int) -> Markup:
    said = _heading(
        y - 42, "Weakly modular:", "   forward through all, backward inside each module: no lock on updates"
    )
    cuts = Markup("").join(
        Markup(
            '<line x1="{0}" y1="{1}" x2="{0}" y2="{2}" stroke="{3}" stroke-width="1.6" stroke-dasharray="5 4"/>'
        ).format(_x(k) - (STEP - BOX) / 2, y - 28, y + 92, "currentColor")
        for k in range(1, 4)
    )
    words = _text(_x(1) - (STEP - BOX) / 2, y + 106, "cut: no gradient passes (isolation)", 'text-anchor="middle"')
    heads = Markup("").join(
        Markup(
            '<rect x="{}" y="{}" width="{}" height="22" rx="3" fill="none" stroke="{}" stroke-dasharray="3 2"/>'
        ).format(_x(k) + 8, y + 62, BOX - 16, WEAK)
        + _text(_x(k) + BOX / 2, y + 77, "head", 'text-anchor="middle" font-size="11"')
        + _arrow(_x(k) + 36, y + 41, _x(k) + 36, y + 61)
        + _arrow(_x(k) + 56, y + 61, _x(k) + 56, y + 42, WEAK)
        for k in range(3)
    )
    loss = _text(_x(3) + BOX + 24, y + 25, "loss") + _arrow(_x(3) + BOX + 20, y + 30, _x(3) + BOX + 3, y + 30, WEAK)
    thrown = _text(
        _x(2) - 40, y + 122, "auxiliary heads with local losses: thrown away after training", 'font-size="12"'
    )
    names = [f"module {k}" for k in range(1, 5)]
    return said + _boxes(y, [WEAK] * 4, names) + cuts + words + heads + loss + thrown


def _strict(y: int) -> Markup:
    said = _heading(y - 22, "Strictly modular:", "   one module after the other, no pass through the whole network")
    colours = [GREY, STRICT, GREY, GREY]
    words = ["1: frozen", "2: learns", "3: waits", "4: waits"]
    head = (
        Markup(
            '<rect x="{}" y="{}" width="{}" height="22" rx="3" fill="none" stroke="{}" stroke-dasharray="3 2"/>'
        ).format(_x(1) + 8, y + 62, BOX - 16, STRICT)
        + _text(_x(1) + BOX / 2, y + 77, "head", 'text-anchor="middle" font-size="11"')
        + _arrow(_x(1) + 36, y + 41, _x(1) + 36, y + 61)
        + _arrow(_x(1) + 56, y + 61, _x(1) + 56, y + 42, STRICT)
    )
    phase = _text(_x(1) + BOX / 2, y + 104, "its phase: then it is frozen, and module 3 learns", 'text-anchor="middle"')
    return said + _boxes(y, colours, words) + head + phase
