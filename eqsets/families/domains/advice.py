"""From claims to the element group of a DSS network, for signals, clouds and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eqsets.families.domains.recommend import Finding, Recommendation

__all__ = ["for_clouds", "for_grids", "rest_of"]

_PRESENT = ("partial", "full")


def for_grids(findings: Sequence[Finding], channels: int, dims: int, noun: str) -> Recommendation:
    """Return convolutions of ``dims`` axes, circular where circular shifts are a symmetry."""
    shifts = [one for one in findings if one.role == "shift" and one.verdict in _PRESENT]
    circular = [one for one in findings if one.name == "circular_shift" and one.verdict == "full"]
    options: dict[str, Any] = {"dims": dims}
    if circular:
        options["padding_mode"] = "circular"
        reasons = [f"{circular[0].sentence}: circular convolutions know all shifts of the period."]
    elif shifts:
        reasons = [f"{'; '.join(one.sentence for one in shifts)}: convolutions know shifts."]
    else:
        reasons = [
            f"no shift of whole {noun} occurs; convolutions are recommended because features of "
            f"{noun} are local, not for a symmetry that was found."
        ]
    reasons += rest_of(findings, ("shift",), {one.name for one in circular})
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    code = (
        "import eqsets\n\n"
        f'{noun} = eqsets.element_group("translations"{given})\n'
        "layer = eqsets.DSS(\n"
        f"    element_group={noun}, in_features={channels}, out_features=16, kernel_size=3\n"
        ")"
    ).replace("'", '"')
    install = 'pip install "eqsets[translations]"'
    return Recommendation("translations", install, code, tuple(reasons), options)


def for_clouds(findings: Sequence[Finding], dims: int) -> Recommendation:
    """Return rotations of space, of one axis or of the plane; else points without order alone."""
    turns = [one for one in findings if one.role == "rotation"]
    full = [one for one in turns if one.verdict == "full"]
    mirrors = any(one.role == "reflection" and one.verdict == "full" for one in findings)
    reasons = [one.sentence for one in full]
    rest = rest_of(findings, ("shift",), {one.name for one in (*full, *_mirror(findings, full))})
    if dims == 3 and len(full) == 3:
        options = {"reflections": mirrors}
        code = (
            "import eqsets\n\n"
            f'space = eqsets.element_group("spatial", reflections={mirrors})\n'
            'layer = eqsets.DSS(space, "points: 1x0e", "points: 8x0e + 4x1o", neighbors=8)\n'
            "# layer(x, structure=positions): a feature 1 of each point, and the positions"
        )
        reasons.append(
            "rotations about all axes: steerable layers know them"
            + (", with mirror images." if mirrors else "; mirror images are not one, and distinct.")
        )
        install = 'pip install "eqsets[spatial]"'
        return Recommendation("spatial", install, code, (*reasons, *rest), options)
    matrices = [_generator(one.name, dims) for one in full]
    inner = "trivial"
    head = "import eqsets\n\n"
    if matrices:
        inner = "turns"
        head += f"turns = eqsets.GeneratedSymmetry(lie_algebra={matrices[:1]})\n"
        reasons.append(
            "a cloud is a set of points that turn together: a set of sets, of vectors under the "
            "group that was found."
        )
        points = "points = eqsets.Sets(turns)\n"
        call = "# layer(x): x of shape (B, N, P, d, 1), a set of clouds"
    else:
        points = 'points = eqsets.Sets("trivial")\n'
        call = "# layer(x): x of shape (B, N, P, d), a set of clouds"
        reasons.append(
            "no rotation is a full symmetry: layers that know points have no order, and nothing "
            "else, keep what poses say."
        )
    features = "1, 16" if matrices else f"{dims}, 16"
    code = f"{head}{points}layer = eqsets.DSS(points, {features})\n{call}"
    group = "sets" if inner == "trivial" else "generated"
    return Recommendation(group, "pip install eqsets", code, (*reasons, *rest), {})


def rest_of(findings: Sequence[Finding], known: tuple[str, ...], names: set[str]) -> list[str]:
    """Return what occurs and no layer of the recommendation knows."""
    left = [
        one.sentence
        for one in findings
        if one.verdict in _PRESENT and one.role not in known and one.name not in names
    ]
    if not left:
        return []
    return [
        f"{'; '.join(left)}: augment with model.resample(x), which stays within what was found, or "
        "normalise it away."
    ]


def _mirror(findings: Sequence[Finding], full: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.role == "reflection" and len(full) == 3]


def _generator(name: str, dims: int) -> list[list[float]]:
    """Return the generator of the rotations about an axis, or of the plane."""
    if dims == 2:
        return [[0.0, -1.0], [1.0, 0.0]]
    i = "xyz".index(name[-1])
    j, k = (i + 1) % 3, (i + 2) % 3
    rows = [[0.0] * 3 for _ in range(3)]
    rows[k][j], rows[j][k] = 1.0, -1.0
    return rows
