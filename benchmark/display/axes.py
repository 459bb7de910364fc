"""The axes of the charts: ratios and amounts are logarithmic; accuracy is not, so that it flatters nobody."""

import altair as alt
import pandas as pd

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)
LEAST = 20.0  # points of accuracy that an axis shows
ACROSS, UP = 34, 14  # pixels of the plot that are kept free on both sides, and above and below


def ratio_axis(title: str, values: pd.Series) -> alt.X:
    """A logarithmic axis of the field ``x``: half and double are as far from one."""
    low, high = values.min(), values.max()
    ticks = [tick for tick in RATIOS if low * 0.97 <= tick <= high * 1.03]
    chosen = {"values": ticks} if len(ticks) > 1 else {"tickCount": 5}
    axis = alt.Axis(format=".2~f", grid=False, labelOverlap="greedy", **chosen)
    return alt.X("x:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=ACROSS), axis=axis)


def compute_axis(title: str, values: pd.Series) -> alt.X:
    """A logarithmic axis of the field ``x``, of an amount rather than a ratio."""
    low, high = values.min(), values.max()
    digits = [d * 10.0**e for e in range(-6, 10) for d in (1, 2, 5)]
    ticks = [tick for tick in digits if low * 0.97 <= tick <= high * 1.03]
    chosen = {"values": ticks} if len(ticks) > 1 else {"tickCount": 5}
    axis = alt.Axis(format=",~g", grid=False, labelOverlap="greedy", **chosen)
    return alt.X("x:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=ACROSS), axis=axis)


def accuracy_axis(title: str, values: pd.Series, field: str = "y") -> alt.Y:
    """An axis of percent: equal distances are equal differences, and there are always ``LEAST`` points of it.

    So no row looks nearer to another than it is, and a difference of a point never fills the picture.
    """
    low, high = accuracy_domain(values)
    scale = alt.Scale(domain=[low, high], nice=False, zero=False, padding=UP)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(format=".2~f", tickCount=6))


def accuracy_domain(values: pd.Series) -> tuple[float, float]:
    """Where the axis begins and ends, percent: around the values, with a margin."""
    low, high = (0.0, 100.0) if values.empty else (float(values.min()), float(values.max()))
    margin = max(0.06 * (high - low), (LEAST - (high - low)) / 2)
    high = min(high + margin, 100.0)
    low = max(min(low - margin, high - LEAST), 0.0)
    return low, max(high, low + LEAST)


def in_pixels(values: pd.Series, ends: tuple[float, float], length: int, free: int) -> pd.Series:
    """Where values of an axis stand, counted from its beginning.

    Args:
        values: of the axis; logarithms, where it is logarithmic.
        ends: its least and its greatest value.
        length: of the plot.
        free: what is kept free at both ends, :data:`ACROSS` or :data:`UP`.
    """
    low, high = ends
    return free + (values - low) / ((high - low) or 1.0) * (length - 2 * free)
