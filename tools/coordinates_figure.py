"""Write docs/images/coordinates.svg: a set as the sum of its mean and of the differences from it.

Run ``python tools/coordinates_figure.py``. The colours are readable on light and dark pages.
"""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "images" / "coordinates.svg"
POINTS = ((34, 96), (70, 40), (112, 74), (128, 118))
COLOURS = ("#3b82c4", "#d9822b", "#3f9b5a", "#b05cc6")
GREY = "#808080"
SIDE, GAP = 160, 60


def panel(left: float, title: str, caption: str, body: list[str]) -> list[str]:
    """Return one square with a title above and a caption below."""
    text = f'font-family="sans-serif" font-size="13" fill="{GREY}" text-anchor="middle"'
    return [
        f'<g transform="translate({left} 24)">',
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="{GREY}"/>',
        f'<text x="{SIDE / 2}" y="-8" {text}>{title}</text>',
        *body,
        f'<text x="{SIDE / 2}" y="{SIDE + 20}" {text}>{caption}</text>',
        "</g>",
    ]


def dot(x: float, y: float, colour: str) -> str:
    """Return a disc."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>'


def line(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    """Return a line from one point to another."""
    (a, b), (c, d) = start, end
    points = f'x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"'
    return f'<line {points} stroke="{colour}" stroke-width="2"/>'


def figure() -> str:
    """Return the figure as SVG."""
    mean = tuple(sum(axis) / len(POINTS) for axis in zip(*POINTS, strict=True))
    centre = (SIDE / 2, SIDE / 2)
    moved = [(x - mean[0] + centre[0], y - mean[1] + centre[1]) for x, y in POINTS]
    colours = list(COLOURS)
    whole = [dot(x, y, c) for (x, y), c in zip(POINTS, colours, strict=True)]
    spread = [line(centre, p, c) for p, c in zip(moved, colours, strict=True)]
    spread += [dot(*p, c) for p, c in zip(moved, colours, strict=True)]
    step = SIDE + GAP
    sign = f'font-family="sans-serif" font-size="22" fill="{GREY}" text-anchor="middle"'
    parts = [
        *panel(10, "the set", "x_i", whole),
        *panel(10 + step, "differences", "x_i - m, mapped by A", spread),
        *panel(10 + 2 * step, "mean", "m, mapped by B", [dot(mean[0], mean[1], GREY)]),
        f'<text x="{10 + SIDE + GAP / 2}" y="110" {sign}>=</text>',
        f'<text x="{10 + step + SIDE + GAP / 2}" y="110" {sign}>+</text>',
    ]
    size = f'width="{3 * SIDE + 2 * GAP + 20}" height="220"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n' + "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    PAGE.write_text(figure(), encoding="utf-8")
