"""The style sheet of the page of claims, for both front ends: colours fit light and dark."""

from benchmark.display.claims import CLASSES, COLOURS

STYLE = """
.bb-claim {border-left: 4px solid var(--hue); padding: .1rem 0 .1rem 1rem; margin: 0 0 2rem; max-width: 62rem}
.bb-claim h3 {font-size: 1.12rem; font-weight: 600; margin: 0 0 .2rem; padding: 0; line-height: 1.4}
.bb-claim p {margin: .2rem 0 .5rem; font-size: .95rem}
.bb-claim .bb-source, .bb-claim .bb-more {font-size: .85rem; opacity: .82}
.bb-verdict {display: inline-block; font-size: .8rem; font-weight: 600; line-height: 1.5; padding: 0 .6rem;
  border-radius: 1rem; color: var(--hue); border: 1.5px solid currentColor; white-space: nowrap}
.bb-verdict.bb-untested {border-style: dashed}
.bb-cases {overflow-x: auto; margin: .3rem 0 .4rem; position: relative}
.bb-cases table {border-collapse: collapse; width: 100%; font-size: .85rem; line-height: 1.35; margin: 0}
.bb-cases :is(th, td) {border: 0; background: none; padding: .15rem .8rem .15rem 0; font-weight: 400; text-align: left;
  vertical-align: middle; color: inherit; position: static; max-width: none; min-width: 0; white-space: normal}
.bb-cases td {width: 16rem; min-width: 9rem}
.bb-cases td:last-child {white-space: nowrap; font-variant-numeric: tabular-nums}
.bb-cases small {display: block; opacity: .82; color: inherit}
.bb-cases .bb-decides th {font-weight: 600}
.bb-zero {top: 0; bottom: 0; border-left: 1.5px solid color-mix(in srgb, currentColor 60%, transparent);
  transform: translateX(-50%)}
@media (max-width: 640px) {.bb-cases table {width: max-content} .bb-cases th {max-width: 11rem}}
"""


def claims_style() -> str:
    """The whole sheet; needs :func:`benchmark.display.gap_style.gap_style` for the places of points."""
    hues = (
        f".bb-{CLASSES[verdict]} {{--hue: light-dark({light}, {dark})}}\n" for verdict, (light, dark) in COLOURS.items()
    )
    return STYLE + "".join(hues)
