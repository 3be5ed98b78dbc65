"""One plot for each component, as SVG inside the page: sharp, small, and in the page's colours."""

from __future__ import annotations

import io
import re
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.curves import Curve
from eqsets.generative.analysis.discrete import Discrete
from eqsets.generative.analysis.units import brief
from eqsets.optional import require

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["plot"]

_KINDS = ("density", "extent", "uniform", "axis")  # artists that the style sheet colours


def plot(curve: Curve, claim: Claim) -> Markup:
    """Return the SVG of a component: its density, and the extent that the claim is about.

    Raises:
        OptionError: matplotlib or jinja2 is not installed.
    """
    require("matplotlib")
    require("jinja2")
    from markupsafe import Markup
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    circle = curve.kind == "circle"
    figure = Figure(figsize=(2.6, 2.6) if circle else (4.2, 2.0), layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.add_subplot(projection="polar" if circle else None)
    axes.patch.set_visible(False)
    discrete = claim.discrete if claim.verdict == "discrete" and circle else None
    if discrete is not None:
        _rose(axes, discrete)
    else:
        {"circle": _circle, "line": _line, "levels": _levels}[curve.kind](axes, curve, claim)
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": claim.name}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    what = "Learned distribution" if discrete is None else "Differences between poses"
    label = f"{what} of {claim.name.replace('_', ' ')}. {claim.sentence}"
    start = Markup('<svg role="img" aria-label="{}" class="{}" ').format(label, curve.kind)
    return start + Markup(_inline(file.getvalue(), claim.name))


def _inline(svg: str, name: str) -> str:
    """Return the attributes and content of an SVG element, with ids that are unique in a page."""
    body = svg[svg.index("<svg ") + len("<svg ") :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r'(width|height)="[\d.]+pt" ', "", body, count=2)
    body = re.sub(rf'id="({"|".join(_KINDS)})"', r'class="\1"', body)
    safe = re.sub(r"\W", "-", name)
    return re.sub(r'((?:xlink:href|id)="#?|url\(#)', rf"\g<1>{safe}-", body)


def _circle(axes: Any, curve: Curve, claim: Claim) -> None:
    """Up is the centre of each prototype; areas are probabilities."""
    half = -curve.positions[0] + (curve.positions[1] - curve.positions[0]) / 2
    angles = [position * pi / half for position in curve.positions]
    radii = [min(sqrt(height * 2 * half), 1.8) for height in curve.heights]
    axes.set_theta_zero_location("N")
    axes.fill(angles, radii, gid="density")
    turn = [i * 2 * pi / 90 for i in range(91)]
    axes.plot(turn, [1.0] * len(turn), gid="uniform", linestyle="--", linewidth=1)
    reach = {"partial": claim.extent * pi / half, "full": pi}.get(claim.verdict, 0.0)
    if reach:
        arc = [-reach + 2 * reach * i / 90 for i in range(91)]
        axes.plot(arc, [1.95] * len(arc), gid="extent", linewidth=4)
    axes.set(ylim=(0, 2), xticks=[i * pi / 2 for i in range(4)], yticks=[])
    axes.set_xticklabels([])
    axes.spines["polar"].set_visible(False)
    axes.grid(gid="axis", linewidth=0.6)


def _rose(axes: Any, discrete: Discrete) -> None:
    """Up is no difference; areas are probabilities, and spokes are the multiples."""
    bins = len(discrete.rose)
    highest = max(discrete.rose)
    radii = [sqrt(height / highest) for height in discrete.rose]
    angles = [2 * pi * i / bins for i in range(bins)]
    axes.set_theta_zero_location("N")
    axes.bar(angles, radii, width=2 * pi / bins, gid="density")
    turn = [i * 2 * pi / 90 for i in range(91)]
    axes.plot(turn, [sqrt(1 / highest)] * len(turn), gid="uniform", linestyle="--", linewidth=1)
    spokes = [2 * pi * i / discrete.order for i in range(discrete.order)]
    axes.set(ylim=(0, 1.1), xticks=spokes, yticks=[])
    axes.set_xticklabels([])
    axes.spines["polar"].set_visible(False)
    axes.grid(gid="axis", linewidth=0.6)


def _line(axes: Any, curve: Curve, claim: Claim) -> None:
    axes.fill_between(curve.positions, curve.heights, gid="density")
    if claim.verdict in ("partial", "full"):
        axes.plot([-claim.extent, claim.extent], [0, 0], gid="extent", linewidth=4)
    ticks = [-claim.searched, 0.0, claim.searched]
    axes.set(
        xlim=(curve.positions[0], curve.positions[-1]), ylim=(0, 1.05 * max(*curve.heights, 1e-9))
    )
    _baseline(axes, ticks, [brief(value, claim.unit) for value in ticks])


def _levels(axes: Any, curve: Curve, claim: Claim) -> None:
    axes.bar(curve.positions, curve.heights, gid="density")
    axes.set(ylim=(0, 1))
    _baseline(axes, list(curve.positions), [str(i) for i in range(len(curve.positions))])


def _baseline(axes: Any, ticks: list[float], names: list[str]) -> None:
    axes.set(yticks=[])
    axes.set_xticks(ticks, names)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_gid("axis")
