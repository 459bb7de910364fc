"""The style sheet of the pictures that are tables (gap, map): colours mix with the text's, for light and dark."""

from benchmark.display.gap import STEPS, TICKS, place
from benchmark.display.texts import FAMILIES


def _percent(step: int) -> str:
    return f"{100 * step / STEPS:g}%"


def _faint(share: int) -> str:
    return f"color-mix(in srgb, currentColor {share}%, transparent)"


def _grid() -> str:
    """Vertical lines at the ticks, that at zero stronger; as backgrounds, so that no cell needs elements for them."""
    colours = {tick: _faint(70 if tick == 0 else 10) for tick in TICKS}
    images = ", ".join(f"linear-gradient({colour}, {colour})" for colour in colours.values())
    places = ", ".join(f"{_percent(place(tick))} 0" for tick in TICKS)
    return (
        f"background: {images}; background-position: {places}; background-size: 1px 100%; background-repeat: repeat-y"
    )


LABELS = """
.bb-labels {display: inline-block; width: .68em; height: .68em; border: 1.5px solid currentColor; margin-right: .25em}
.bb-labels.bb-full {background: currentColor}
.bb-labels.bb-pairs {background: linear-gradient(90deg, currentColor 50%, transparent 50%)}
.bb-labels.bb-unknown {border-style: dotted}
.bb-legend {font-size: .85rem; margin: .3rem 0 .8rem}
.bb-unseen {position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap}
"""

_TABLE = f"""
.bb-gap {{overflow-x: auto; margin: .4rem 0 .6rem; position: relative}}
.bb-gap table {{border-collapse: separate; border-spacing: 0; width: 100%; font-size: .82rem; line-height: 1.35;
  table-layout: fixed; margin: 0}}
.bb-gap :is(th, td) {{border: 0; background-color: transparent; padding: 0; font-weight: 400; text-align: left;
  height: 1.34rem; vertical-align: middle; max-width: none; min-width: 0; white-space: nowrap}}
.bb-gap tr > :first-child {{width: 13.6rem; min-width: 0; max-width: none; padding-right: .5rem;
  position: sticky; left: 0; z-index: 1; border-right: 0; background-color: var(--bb-paper)}}
.bb-gap thead th {{vertical-align: bottom; width: 11rem; padding: 0; position: static; color: inherit; font-weight: 600;
  background: none; white-space: normal; overflow-wrap: anywhere}}
.bb-gap thead th small {{display: block; font-weight: 400; opacity: .82; color: inherit; font-size: .95em}}
.bb-gap :is(td, thead th + th) {{border-left: .9rem solid transparent; background-clip: padding-box !important}}
.bb-gap tbody small {{opacity: .82; color: inherit}}
.bb-gap tbody tr:hover > :is(td, th) {{background-color: {_faint(7)}}}
.bb-gap tbody tr:hover > :first-child {{background: linear-gradient({_faint(7)}, {_faint(7)}) var(--bb-paper)}}
.bb-gap .bb-family th {{font-weight: 600; padding-top: .55rem; height: 1.9rem}}
.bb-gap .bb-family:hover th {{background: none}}
.bb-gap td {{{_grid()}}}
.bb-gap .bb-smoke .bb-plot {{opacity: .6}}
.bb-ticks {{position: relative; display: block; height: 1.2em; font-weight: 400; font-size: .92em}}
.bb-ticks i {{position: absolute; transform: translateX(-50%); font-style: normal; opacity: .82}}
.bb-plot {{position: relative; display: block; height: 1.34rem}}
.bb-plot i {{position: absolute}}
.bb-point {{width: .72rem; height: .72rem; border-radius: 50%; top: .31rem; transform: translateX(-50%);
  background: var(--hue); border: 2px solid var(--hue)}}
.bb-hollow {{background: var(--bb-paper)}}
.bb-lossy {{border-radius: 0; rotate: 45deg}}
.bb-bar {{height: 3px; top: calc(.67rem - 1.5px); background: var(--hue); opacity: .6}}
.bb-line {{top: 0; bottom: 0; border-left: 2px dashed {_faint(75)}; transform: translateX(-50%)}}
.bb-failed {{opacity: .82; font-style: italic}}
"""

MAP = f"""
.bb-tree, .bb-tree ul {{list-style: none; margin: 0; padding: 0 0 0 1.1rem}}
.bb-tree {{padding: 0; font-size: .92rem}}
.bb-tree > li {{margin: 0 0 .7rem; border-left: 3px solid var(--hue); padding-left: .7rem}}
.bb-tree > li > ul > li {{margin: .25rem 0; border-left: 1px solid {_faint(30)}; padding-left: .6rem}}
.bb-tree li li ul {{display: flex; flex-wrap: wrap; gap: .1rem 1rem; padding-left: 0}}
.bb-tree small {{opacity: .82; color: inherit}}
.bb-words {{display: grid; grid-template-columns: minmax(8rem, 13rem) 1fr; gap: .45rem 1.2rem; max-width: 62rem;
  font-size: .92rem; margin: .6rem 0 1rem}}
.bb-words dt {{font-weight: 600}}
.bb-words dd {{margin: 0}}
.bb-network svg {{max-width: 100%; height: auto}}
.bb-grid {{overflow-x: auto; margin: .4rem 0 1rem; position: relative}}
.bb-grid table {{border-collapse: collapse; font-size: .88rem; width: 100%; margin: 0}}
.bb-grid :is(th, td) {{border: 1px solid {_faint(22)}; padding: .45rem .6rem; text-align: left; vertical-align: top;
  font-weight: 400; white-space: normal; background: none; color: inherit; max-width: none; position: static;
  min-width: 10rem}}
.bb-grid thead th {{font-weight: 600}}
.bb-grid :is(th, td) > small {{display: block; font-weight: 400; opacity: .82; color: inherit}}
.bb-grid tbody th {{border-left: 4px solid var(--hue)}}
.bb-grid ul {{list-style: none; margin: .25rem 0 0; padding: 0}}
.bb-grid li {{margin: .1rem 0; padding: 0}}
.bb-grid li small {{opacity: .82; color: inherit; font-variant-numeric: tabular-nums}}
@media (max-width: 640px) {{
  .bb-gap table {{width: max-content}}
  .bb-gap tr > :first-child {{width: 10.2rem; overflow: hidden; text-overflow: ellipsis}}
  .bb-gap thead th {{width: 11rem}}
  .bb-words {{display: block}}
  .bb-words dd {{margin: 0 0 .6rem}}
}}
"""


def gap_style() -> str:
    """The whole sheet; needs ``--bb-paper``, the page's background, from whoever shows it."""
    places = "".join(f".at{step} {{left: {_percent(step)}}}\n" for step in range(STEPS + 1))
    lengths = "".join(f".to{step} {{width: {_percent(step)}}}\n" for step in range(1, STEPS + 1))
    hues = "".join(f".bb-{family.split(' ')[0]} {{--hue: {colour}}}\n" for family, (colour, _) in FAMILIES.items())
    return LABELS + _TABLE + MAP + hues + places + lengths
