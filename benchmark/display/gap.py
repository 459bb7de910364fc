"""How far each method is from its end-to-end twin, as a picture: a row a method, a column a comparison and K.

It is a table of HTML with points drawn into its cells, the same in both front ends: it needs no script, says its
numbers to screen readers, and scrolls on a phone while the names stay. Places are classes, since the static page allows
no styles in its text. All columns have one axis, logarithmic on both sides of zero, which stays as results come.
"""

from collections.abc import Callable, Mapping, Sequence
from math import copysign, log2
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup, escape

from benchmark.display.branches import branch_of
from benchmark.display.texts import FAMILIES, REFERENCES
from benchmark.display.traits import LABELS, TRAITS, UNKNOWN
from benchmark.schema.suite import CHECKPOINTING
from benchmark.tables.blocks import suites_in_order
from benchmark.tables.columns import SMOKE_TEST, TRACK, is_twin, with_interval
from benchmark.tables.variants import one_variant

LOW, HIGH = -90.0, 6.0  # points: the axis
TICKS = {-50: "−50", -20: "−20", -10: "−10", -5: "−5", -2: "−2", 0: "0", 2: "+2"}
RECIPES = {"tuned": "tuned", "shared": "one recipe for all", "paper": "a paper’s recipe"}
STEPS = 200  # of the axis, each a class
MOST = 8  # columns: the comparisons that most methods were run in; the table of rows has all
TITLE = "How far from end-to-end backpropagation?"
HOW = (
    "Test accuracy minus that of the end-to-end twin, in points: left of the line is worse. Filled: mean over several "
    "seeds with its 95 % interval. Hollow: one seed, no interval. Tilted square: cells failed, and the mean, which "
    "they would have lowered, is of the others. Empty: not run. The solid line is end-to-end backpropagation, the "
    "dashed one gradient checkpointing, which is the same training with less memory. All columns have the same axis, "
    "logarithmic on both sides of zero."
)
Address = Callable[[str], str]


class Column(NamedTuple):
    """One comparison and K: the rows that its suite compares, by method, and what the twin reaches there."""

    suite: str
    backbone: str  # empty where the suite has one
    modules: int
    smoke: bool
    recipe: str  # whose: the one that leads the suite
    rows: dict[str, dict[Any, Any]]
    twin: float
    checkpointing: float  # its gap, points; NaN where it was not run

    @property
    def name(self) -> str:
        """``cifar10, cifar_resnet32, K = 4``."""
        return ", ".join(filter(None, [self.suite, self.backbone, f"K = {self.modules}"]))


def gap_columns(board: pd.DataFrame) -> list[Column]:
    """Comparisons before smoke tests, the one that most methods were run in first; in each, K as it grows.

    A suite of one method compares it with nothing but its twin, as those of papers' own settings do: the page of
    published figures has them. Of several variants of a method that stands which validates best, as for ranks.

    Args:
        board: the leaderboard, as :func:`benchmark.display.reading.read_board` gives it.
    """
    rows = board[board["times"].isna() & (board["kind"] == "") & (board["leads"] == "yes") & (board["role"] != TRACK)]
    found = []
    for suite in suites_in_order(board):
        own = rows[rows["suite"] == suite]
        if own.loc[~own["method"].isin(REFERENCES), "method"].nunique() < 2:
            continue
        several = own["backbone"].nunique() > 1
        for backbone, whole_part in own.groupby("backbone", sort=False):
            part = one_variant(whole_part)
            for k in sorted({int(k) for k in part["modules"] if k > 1}):
                at = part[part["modules"] == k]
                whole = pd.concat([at, part[(part["modules"] == 1) & ~is_twin(part)]])  # what is never cut
                if (~whole["method"].isin(REFERENCES) & whole["test_top1_pct"].notna()).any():
                    found.append(_column(suite, str(backbone) if several else "", k, whole, part))
    return found


def _column(suite: str, backbone: str, k: int, rows: pd.DataFrame, part: pd.DataFrame) -> Column:
    by_method = {str(row["method"]): row for row in rows.drop_duplicates("method").to_dict("records")}
    twin = part.loc[is_twin(part), "test_top1_pct"]
    smoke = bool((part["role"] == SMOKE_TEST).any())
    checkpointing = by_method.get(CHECKPOINTING, {}).get("vs_e2ebp_pct", float("nan"))
    recipe = str(part["recipe"].iloc[0])
    return Column(
        suite, backbone, k, smoke, recipe, by_method, twin.iloc[0] if len(twin) else float("nan"), checkpointing
    )


def place(points: float) -> int:
    """Where a difference stands on the axis, from 0 to ``STEPS``; what is beyond the axis stands at its end."""
    low, high, at = (copysign(log2(1 + abs(x) / 2), x) for x in (LOW, HIGH, points))
    return round(STEPS * min(max((at - low) / (high - low), 0), 1))


def gap_table(columns: Sequence[Column], methods: Mapping[str, Mapping[str, Any]], address: Address) -> Markup:
    """The picture.

    Args:
        columns: of :func:`gap_columns`.
        methods: what each method says of itself, and its trait ``hidden_labels``, by id.
        address: of a method's page.
    """
    shown = list(columns[:MOST])
    names = sorted(set(methods) - set(REFERENCES), key=lambda name: _order(name, shown))
    body = Markup("").join(
        _family(family, [name for name in names if methods[name].get("family") == family], shown, methods, address)
        for family in FAMILIES
    )
    heads = Markup("").join(_head(column) for column in shown)
    return Markup(
        '<div class="bb-gap" tabindex="0" role="region" aria-label="{title}"><table><thead><tr>'
        '<th scope="col">Method, year</th>{heads}</tr></thead>{body}</table></div>'
    ).format(title=TITLE, heads=heads, body=body)


def _order(name: str, columns: Sequence[Column]) -> tuple[int, float, str]:
    """By its mean gap in the first suite in which it has one; what has none anywhere stands last."""
    for i, suite in enumerate(dict.fromkeys(column.suite for column in columns)):
        said = [c.rows[name]["vs_e2ebp_pct"] for c in columns if c.suite == suite and name in c.rows]
        known = [gap for gap in said if gap == gap]
        if known:
            return i, -sum(known) / len(known), name
    return len(columns), 0.0, name


def _head(column: Column) -> Markup:
    ticks = Markup("").join(
        Markup('<i class="at{}">{}</i>').format(place(x), said) for x, said in TICKS.items() if x not in (-20, -5)
    )
    reached = f"backprop {column.twin:.1f} %" if column.twin == column.twin else "no backprop yet"
    smoke = Markup("<small>a smoke test</small>") if column.smoke else ""
    where = Markup("<small>{}</small>").format(column.backbone) if column.backbone else ""
    return Markup(
        '<th scope="col"{}>{}, K = {}<small>{}, {}</small>{}{}<span class="bb-ticks" aria-hidden="true">{}</span></th>'
    ).format(_smoke(column), column.suite, column.modules, reached, RECIPES[column.recipe], where, smoke, ticks)


def _smoke(column: Column) -> Markup:
    return Markup(' class="bb-smoke"') if column.smoke else Markup("")


def _family(
    family: str,
    names: list[str],
    columns: Sequence[Column],
    methods: Mapping[str, Mapping[str, Any]],
    address: Address,
) -> Markup:
    if not names:
        return Markup("")
    kind = family.split(" ")[0]
    rows = Markup("").join(
        Markup('<tr{}><th scope="row">{} {} <small>{}</small></th>{}</tr>').format(
            _traits(methods[name]),
            labels_glyph(str(methods[name].get("hidden_labels", UNKNOWN))),
            method_link(name, address),
            methods[name].get("year", ""),
            Markup("").join(_cell(column, name) for column in columns),
        )
        for name in names
    )
    return Markup(
        '<tbody class="bb-{}"><tr class="bb-family"><th scope="rowgroup" colspan="{}">{}</th></tr>{}</tbody>'
    ).format(kind, len(columns) + 1, family, rows)


def _traits(said: Mapping[str, Any]) -> Markup:
    """What the static page's filters ask of a row, as its table of rows says it."""
    pairs = [Markup(' data-{}="{}"').format(trait, said[trait]) for trait in TRAITS if trait in said]
    return Markup("").join(pairs)


def method_link(name: str, address: Address) -> Markup:
    """The method's id, as a link to its page."""
    return Markup('<a href="{}">{}</a>').format(address(name), name)


def labels_glyph(kind: str) -> Markup:
    """A square: full, half full, or empty, as the hidden modules need full labels, pairs, or none."""
    said = f"hidden modules need {LABELS[kind]}" if kind in LABELS else f"labels of hidden modules: {kind}"
    known = escape(kind) if kind in LABELS else "unknown"
    return Markup('<span class="bb-labels bb-{}" title="{}"><span class="bb-unseen">{}</span></span>').format(
        known, said, said
    )


def labels_legend() -> Markup:
    """What the squares say."""
    square = Markup('<span class="bb-labels bb-{}" aria-hidden="true"></span> {}')
    parts = [square.format(kind, words) for kind, words in reversed(LABELS.items())]
    return Markup('<p class="bb-legend">What the hidden modules need: {}.</p>').format(Markup(", ").join(parts))


def gap_in_words(row: Mapping[Any, Any]) -> str:
    """``-5.41 ± 0.72``, with a true minus."""
    return with_interval(row["vs_e2ebp_pct"], row["vs_e2ebp_half_pct"], "+").replace("-", "−")


def lost_in_words(row: Mapping[Any, Any]) -> str:
    """``; 1 of 3 diverged``, which a mean over the others leaves out; empty if none of its cells failed."""
    return f"; {row['status']}" if row["n_ok"] < row["n_total"] else ""


def _cell(column: Column, name: str) -> Markup:
    row = column.rows.get(name)
    smoke = _smoke(column)
    if row is None:
        line = _drawn(float("nan"), float("nan"), column.checkpointing)
        return Markup('<td{}><span class="bb-unseen">not run</span>{}</td>').format(smoke, line)
    mean, half = row["vs_e2ebp_pct"], row["vs_e2ebp_half_pct"]
    if mean != mean:
        return Markup('<td{} title="{}"><span class="bb-failed">{}</span></td>').format(
            smoke, row["status"], "no twin yet" if row["test_top1_pct"] == row["test_top1_pct"] else "did not finish"
        )
    seeds = f"{row['n_pairs']:.0f} seed{'' if row['n_pairs'] == 1 else 's'}"
    lost = lost_in_words(row)
    said = f"{gap_in_words(row)} points, {seeds}{lost}"
    return Markup('<td{} title="{}, {}: {}"><span class="bb-unseen">{}</span>{}</td>').format(
        smoke, name, column.name, said, said, _drawn(mean, half, column.checkpointing, lost=bool(lost))
    )


def _drawn(mean: float, half: float, checkpointing: float, lost: bool = False) -> Markup:
    return plot(mean, half, {"bb-line": checkpointing}, place, " bb-lossy" * lost)


def plot(mean: float, half: float, lines: Mapping[str, float], place: Callable[[float], int], look: str = "") -> Markup:
    """A point, hollow where it has no interval, before vertical lines, which are named by their classes.

    Args:
        mean: where the point stands; NaN: there is none.
        half: of its interval; NaN: it has none.
        lines: by class; NaN: not drawn.
        place: from a number to its place on the axis, from 0 to ``STEPS``.
        look: further classes of the point, each after a blank.
    """
    parts = [Markup('<i class="{} at{}"></i>').format(name, place(x)) for name, x in lines.items() if x == x]
    if half == half:
        low, high = place(mean - half), place(mean + half)
        parts.append(Markup('<i class="bb-bar at{} to{}"></i>').format(low, max(high - low, 1)))
    if mean == mean:
        hollow = "" if half == half else " bb-hollow"
        parts.append(Markup('<i class="bb-point{}{} at{}"></i>').format(hollow, look, place(mean)))
    return Markup('<span class="bb-plot" aria-hidden="true">{}</span>').format(Markup("").join(parts))


def left_out(columns: Sequence[Column]) -> str:
    """What the columns leave out, as a sentence; empty if it is nothing."""
    return f" {len(columns) - MOST} further columns stand in the table of rows." if len(columns) > MOST else ""


def said_of_methods(board: pd.DataFrame, methods: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By id, of all methods that have a file or a row: what they say of themselves, and their traits."""
    first = board.drop_duplicates("method").to_dict("records")
    rows: dict[str, dict[Any, Any]] = {str(row["method"]): row for row in first}
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({*methods, *rows}):
        said, row = methods.get(name, {}), rows.get(name, {})
        year = row.get("year")
        found[name] = {
            "family": said.get("family") or row.get("family") or "",
            "branch": branch_of(name),
            "year": said.get("year") or ("" if year is None or year != year else int(year)),
            "title": said.get("title") or name,
            "hidden_labels": row.get("hidden_labels", UNKNOWN),
            "locks": row.get("locks") or ", ".join(said.get("removes") or []) or "none",
        }
    return found
