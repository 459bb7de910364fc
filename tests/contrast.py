"""Contrast of two colours, as WCAG 2.2 defines it: words want 4.5 (1.4.3), marks and lines 3 (1.4.11)."""

import re

LEAST_OF_WORDS, LEAST_OF_MARKS = 4.5, 3.0
RGB = tuple[float, float, float]


def rgb(colour: str | RGB) -> RGB:
    """``#1C2530``, ``rgb(28, 37, 48)`` or ``color(srgb 0.1 0.1 0.2)`` as three numbers between 0 and 255."""
    if not isinstance(colour, str):
        return colour
    if colour.startswith("#"):
        return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    scale = 255 if colour.startswith("color") else 1
    return tuple(scale * float(number) for number in re.findall(r"[\d.]+", colour)[:3])


def over(colour: str | RGB, ground: str | RGB, opaque: float) -> RGB:
    """What is seen of a colour that covers the ground in part."""
    return tuple(opaque * a + (1 - opaque) * b for a, b in zip(rgb(colour), rgb(ground), strict=True))


def contrast(one: str | RGB, other: str | RGB) -> float:
    """From 1 to 21."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str | RGB) -> float:
    shares = [part / 255 for part in rgb(colour)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * s for weight, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
