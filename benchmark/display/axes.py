"""The axes of the trade-off: ratios on a logarithmic one, accuracy on one that is stretched where most rows stand."""

import altair as alt
import pandas as pd

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)
PERCENT = (100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 88, 85, 82, 80, 75, 70, 65, 60, 55, 50, 40, 30, 20, 10, 0)
GAP = 0.07  # of the height: between two ticks at least
MOST = 12  # the highest exponent


def ratio_axis(title: str, values: pd.Series) -> alt.X:
    """A logarithmic axis of the field ``x``: half and double are as far from one."""
    low, high = values.min(), values.max()
    ticks = [tick for tick in RATIOS if low * 0.97 <= tick <= high * 1.03]
    chosen = {"values": ticks} if len(ticks) > 1 else {"tickCount": 5}
    axis = alt.Axis(format=".2~f", grid=False, labelOverlap="greedy", **chosen)
    return alt.X("x:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=34), axis=axis)


def compute_axis(title: str, values: pd.Series) -> alt.X:
    """A logarithmic axis of the field ``x``, of an amount rather than a ratio."""
    low, high = values.min(), values.max()
    digits = [d * 10.0**e for e in range(-6, 10) for d in (1, 2, 5)]
    ticks = [tick for tick in digits if low * 0.97 <= tick <= high * 1.03]
    chosen = {"values": ticks} if len(ticks) > 1 else {"tickCount": 5}
    axis = alt.Axis(format=",~g", grid=False, labelOverlap="greedy", **chosen)
    return alt.X("x:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=34), axis=axis)


def accuracy_axis(title: str, values: pd.Series) -> alt.Y:
    """An axis of the field ``y``, percent, to the power of :func:`stretch`."""
    power = stretch(values)
    low, high = values.min() ** power, values.max() ** power
    margin = 0.06 * (high - low or high or 1)
    bottom, top = max(low - margin, 0) ** (1 / power), min((high + margin) ** (1 / power), 100.0)
    ticks: list[float] = []
    for tick in PERCENT:
        if bottom <= tick <= top and (not ticks or ticks[-1] ** power - tick**power > GAP * (high - low)):
            ticks.append(tick)
    scale = alt.Scale(type="pow", exponent=power, domain=[bottom, top], nice=False, zero=False, padding=14)
    chosen = {"values": ticks} if len(ticks) > 2 else {"tickCount": 6}
    return alt.Y("y:Q", title=title, scale=scale, axis=alt.Axis(format=".2~f", **chosen))


def stretch(values: pd.Series) -> int:
    """The least power with which the median stands below the middle of the axis, at most ``MOST``.

    A few poor rows would otherwise press all the others together at the top.
    """
    low, middle, high = values.min(), values.median(), values.max()
    powers = range(1, MOST)
    return next((p for p in powers if middle**p - low**p <= 0.5 * (high**p - low**p)), MOST)
