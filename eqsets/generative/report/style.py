"""How the page looks: one column, one accent, light and dark, from a phone to a desktop."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #1d1d1b; --soft: #6a6862;
  --line: #dfdcd3; --card: #ffffff; --accent: #b4451f; --fill: #b4451f26; --warn: #fdf3dd;
  --warn-line: #d9a53c; }
@media (prefers-color-scheme: dark) { :root { --paper: #171715; --ink: #ecebe6; --soft: #a19f97;
  --line: #35342f; --card: #1f1f1c; --accent: #f08a5d; --fill: #f08a5d33; --warn: #2b2415;
  --warn-line: #8a6a24; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.55 Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif; }
main { max-width: 46rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1 { font-size: clamp(1.7rem, 6vw, 2.4rem); line-height: 1.15; margin: 0 0 .5rem;
  letter-spacing: -.015em; font-weight: 600; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 3rem 0 .75rem; font-weight: 600; }
h3 { font-size: 1rem; margin: 0; font-weight: 600; }
p { margin: .5rem 0; }
a { color: inherit; }
.soft, figcaption, .meta { color: var(--soft); }
.meta, figcaption, th, td, .tag, code, pre, svg text { font-family: system-ui, -apple-system,
  "Segoe UI", Roboto, sans-serif; font-size: .82rem; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.verdicts { list-style: none; margin: 1.5rem 0 0; padding: 0; border-top: 1px solid var(--line); }
.verdicts li { display: flex; gap: .9rem; align-items: baseline; padding: .55rem 0;
  border-bottom: 1px solid var(--line); }
.verdicts span:last-child { flex: 1; min-width: 0; }
.tag { flex: 0 0 5.6rem; text-align: center; padding: .08rem 0; border-radius: 1rem;
  border: 1px solid var(--line); color: var(--soft); }
.tag.full { background: var(--accent); border-color: var(--accent); color: var(--paper); }
.tag.partial { border-color: var(--accent); color: var(--accent); }
.tag.unresolved { border-style: dashed; }
.cautions { list-style: none; padding: 0; margin: 0; }
.cautions li { background: var(--warn); border-left: 3px solid var(--warn-line);
  padding: .6rem .9rem; margin: .5rem 0; font-size: .95rem; }
figure { margin: 0; }
.grid { display: grid; grid-template-columns: repeat(8, 1fr); gap: 3px; }
.grid img { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated;
  background: #000; border-radius: 2px; display: block; }
.grid span { font: 600 .72rem/1.4 system-ui, sans-serif; color: var(--soft); align-self: end;
  overflow: hidden; }
@media (max-width: 30rem) { .grid span { font-size: .6rem; line-height: 1.2; } }
.grid span.wide { grid-column: span 6; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr));
  gap: .75rem; }
.plots figure { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .8rem .9rem; display: flex; flex-direction: column; }
svg { width: 100%; height: 9.5rem; display: block; margin: .4rem 0; }
svg .axis { stroke: var(--line); fill: none; } svg .uniform { stroke: var(--soft); fill: none;
  stroke-dasharray: 3 4; }
svg .density { fill: var(--fill); stroke: var(--accent); stroke-width: 1.5;
  stroke-linejoin: round; }
svg .extent { stroke: var(--accent); fill: none; stroke-width: 4; stroke-linecap: round; }
svg text { fill: var(--soft); text-anchor: middle; font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .35rem .4rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left;
  padding-left: 0; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .8rem 1rem; overflow-x: auto; line-height: 1.5; }
.reasons { padding-left: 1.1rem; } .reasons li { margin: .3rem 0; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
"""
