"""The style sheet: what Streamlit's theme cannot say. Colours mix with the text's, so they fit light and dark."""

from benchmark.display.claims_style import claims_style
from benchmark.display.gap_style import gap_style
from benchmark.display.headline import STYLE as HEADLINE

STYLE = """<style>
:root {--bb-paper: light-dark(#FDFCFA, #11161C)}
.stMainBlockContainer {max-width: 1480px; padding: 3.6rem 2rem 4rem}
.stHtml a {color: light-dark(#00609A, #7CC4EF)}
h1 {letter-spacing: -.015em; padding: 0 0 .1rem !important}
.stCaption, [data-testid="stCaptionContainer"] {max-width: 62rem}
[data-testid="stCaptionContainer"] {opacity: 1 !important; color: color-mix(in srgb, currentColor 82%, transparent)}
.stCode .token {color: inherit !important}
.stCode :is(.comment, .linenumber) {color: light-dark(#5C6570, #9AA4B0) !important}
.stCode .token:is(.keyword, .function) {color: light-dark(#00609A, #7CC4EF) !important}
.stCode .token:is(.string, .triple-quoted-string, .inserted) {color: light-dark(#00734F, #4CC79B) !important}
.stCode .token:is(.number, .boolean, .builtin, .class-name) {color: light-dark(#8A4B00, #FFB27A) !important}
.stCode .token.deleted {color: light-dark(#B23A00, #FF9A66) !important}
.bb-lead {max-width: 72rem; color: color-mix(in srgb, currentColor 82%, transparent); margin: 0}
[data-testid="stElementContainer"]:has(.bb-skip, .bb-skipped) {position: absolute; z-index: 2; width: auto}
.bb-skip {position: absolute; left: -9999px; white-space: nowrap}
.bb-skip:focus {position: static; padding: .3rem .7rem; background: var(--bb-paper); outline: 2px solid}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 3.6rem .9rem 3rem}
  [class*="st-key-choosers"] > * {flex: 1 1 45% !important; width: 45% !important; min-width: 8rem !important}
  [class*="st-key-choosers"] > [class*="st-key-wide"],
  [class*="st-key-choosers"] > *:has([class*="st-key-wide"]) {flex-basis: 100% !important}
  [data-testid="stExpandSidebarButton"] {width: auto !important}
  [data-testid="stExpandSidebarButton"]::after {content: "Pages"; font-size: .9rem; margin-left: .3rem}
  h1 {font-size: 1.7rem !important}
}
</style>""".replace("</style>", f"{HEADLINE}{gap_style()}{claims_style()}</style>")

# Of the browser's tab: four modules. A picture of our own, since Streamlit fetches its icons for it from another host.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="64" height="64">'
    '<g fill="#2176B0"><rect x="1" y="1" width="6" height="6" rx="1"/><rect x="9" y="1" width="6" height="6" rx="1"/>'
    '<rect x="1" y="9" width="6" height="6" rx="1"/></g>'
    '<rect x="9" y="9" width="6" height="6" rx="1" fill="#BD5000"/></svg>'
)
