"""One plot for each component, as SVG inside the page: sharp, small, and in the page's colours."""

from __future__ import annotations

from html import escape
from math import cos, pi, sin, sqrt

from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.curves import Curve

__all__ = ["number", "plot"]

_SIZE, _MIDDLE, _RADIUS = 200, 100, 62
_WIDE, _HIGH, _BASE = 320, 150, 118


def number(value: float) -> str:
    """Return a number as people write it."""
    return f"{0.0 if abs(value) < 5e-4 else value:.2g}".replace("-", "\N{MINUS SIGN}")


def plot(curve: Curve, claim: Claim) -> str:
    """Return the SVG of a component: its density, and the extent that the claim is about."""
    draw = {"circle": _circle, "line": _line, "levels": _levels}[curve.kind]
    label = f"Learned distribution of {claim.name.replace('_', ' ')}. {claim.sentence}"
    width, height = (_SIZE, _SIZE) if curve.kind == "circle" else (_WIDE, _HIGH)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}" '
        f'class="{curve.kind}">{draw(curve, claim)}</svg>'
    )


def _point(angle: float, radius: float) -> str:
    return f"{_MIDDLE - radius * sin(angle):.1f},{_MIDDLE - radius * cos(angle):.1f}"


def _circle(curve: Curve, claim: Claim) -> str:
    """Up is the centre of each prototype; areas are probabilities."""
    half = -curve.places[0] + (curve.places[1] - curve.places[0]) / 2
    turn = pi / half
    uniform = 1 / (2 * half)
    points = []
    for place, height in zip(curve.places, curve.heights, strict=True):
        radius = min(_RADIUS * sqrt(height / uniform) * 0.8, 92.0)
        points.append(_point(place * turn, radius))
    ends = ""
    if claim.verdict == "partial":
        reach = claim.extent * turn
        large = int(2 * reach > pi)
        start, end = _point(-reach, 95), _point(reach, 95)
        ends = f'<path class="extent" d="M {start} A 95 95 0 {large} 0 {end}"/>'
    if claim.verdict == "full":
        ends = f'<circle class="extent" cx="{_MIDDLE}" cy="{_MIDDLE}" r="95"/>'
    return (
        f'<circle class="uniform" cx="{_MIDDLE}" cy="{_MIDDLE}" r="{_RADIUS * 0.8:.1f}"/>'
        f'<path class="axis" d="M {_MIDDLE} 8 V 192 M 8 {_MIDDLE} H 192"/>'
        f'<polygon class="density" points="{" ".join(points)}"/>{ends}'
    )


def _line(curve: Curve, claim: Claim) -> str:
    left, right = curve.places[0], curve.places[-1]
    top = max([*curve.heights, 1e-9])

    def x(place: float) -> float:
        return 10 + (_WIDE - 20) * (place - left) / (right - left)

    points = [f"{x(left):.1f},{_BASE}"]
    points += [
        f"{x(p):.1f},{_BASE - 100 * h / top:.1f}"
        for p, h in zip(curve.places, curve.heights, strict=True)
    ]
    points.append(f"{x(right):.1f},{_BASE}")
    marks = "".join(
        f'<text x="{x(place):.1f}" y="{_BASE + 24}">{number(place)}</text>'
        f'<path class="axis" d="M {x(place):.1f} {_BASE} v 6"/>'
        for place in (-claim.searched, 0.0, claim.searched)
    )
    extent = ""
    if claim.verdict in ("partial", "full"):
        extent = (
            f'<path class="extent" d="M {x(-claim.extent):.1f} {_BASE} H {x(claim.extent):.1f}"/>'
        )
    return (
        f'<path class="axis" d="M 10 {_BASE} H {_WIDE - 10}"/>{marks}'
        f'<polygon class="density" points="{" ".join(points)}"/>{extent}'
    )


def _levels(curve: Curve, claim: Claim) -> str:
    width = (_WIDE - 20) / len(curve.heights)
    bars = "".join(
        f'<rect class="density" x="{12 + i * width:.1f}" y="{_BASE - 100 * h:.1f}" '
        f'width="{width - 4:.1f}" height="{100 * h:.1f}"/>'
        f'<text x="{10 + (i + 0.5) * width:.1f}" y="{_BASE + 24}">{i}</text>'
        for i, h in enumerate(curve.heights)
    )
    return f'<path class="axis" d="M 10 {_BASE} H {_WIDE - 10}"/>{bars}'
