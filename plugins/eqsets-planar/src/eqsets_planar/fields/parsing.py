"""Read feature types from text: ``"3 trivial + 16 regular"``.

Grammar: terms joined by ``+``, each a count (1 where it is left out) and a representation; a count
alone means trivial fields, so that ``3`` is an image of three channels.
"""

from __future__ import annotations

import re

from eqsets import FeatureTypeError
from eqsets.errors import choices
from eqsets_planar.fields.representations import TRIVIAL, Representation
from eqsets_planar.point_group import PointGroup

__all__ = ["MOST_FIELDS", "Blocks", "merged", "named", "parse"]

Blocks = tuple[tuple[int, Representation], ...]

MOST_FIELDS = 1_000_000  # more channels than this in one type is a slip of the keyboard

_TERM = re.compile(r"(?:(\d{1,9})(?:\s+|$))?(?:([a-z]+)\s*(?:\(\s*([\d\s,]*?)\s*\))?)?")
_KINDS = ("induced", "irrep", "irreps", "quotient", "regular", "trivial")


def parse(text: str, points: PointGroup, max_frequency: int) -> Blocks:
    """Return the blocks ``(count, representation)`` that ``text`` names, in its order.

    Raises:
        FeatureTypeError: the text is not understood, or names what the group does not have.

    Example:
        >>> [(count, str(rep)) for count, rep in parse("3 + 2 regular", PointGroup(4), 3)]
        [(3, 'trivial'), (2, 'regular')]
    """
    blocks: list[tuple[int, Representation]] = []
    for term in text.split("+"):
        match = _TERM.fullmatch(term.strip())
        if match is None or not term.strip():
            raise FeatureTypeError(_message(text, f"cannot read {term.strip()!r}"))
        count = int(match[1] or 1)
        if not 1 <= count <= MOST_FIELDS:
            raise FeatureTypeError(
                _message(text, f"{count} fields, not between 1 and {MOST_FIELDS}")
            )
        numbers = [part.strip() for part in (match[3] or "").split(",")] if match[3] else []
        if not all(re.fullmatch(r"\d{1,6}", part) for part in numbers):
            raise FeatureTypeError(_message(text, f"cannot read the numbers ({match[3]})"))
        kind, arguments = match[2] or "trivial", tuple(map(int, numbers))
        blocks += [(count, r) for r in named(points, kind, arguments, max_frequency, text)]
    return merged(blocks)


def merged(blocks: list[tuple[int, Representation]]) -> Blocks:
    """Join neighbours of one representation: the layout stays as it is."""
    joined: list[tuple[int, Representation]] = []
    for count, representation in blocks:
        if joined and joined[-1][1] == representation:
            joined[-1] = (joined[-1][0] + count, representation)
        else:
            joined.append((count, representation))
    return tuple(joined)


def named(
    points: PointGroup, kind: str, label: tuple[int, ...], max_frequency: int, text: str
) -> list[Representation]:
    """Return the representations of that name in normal form; ``irreps`` names several.

    Raises:
        FeatureTypeError: the group has no representation of that name.
    """
    if kind not in _KINDS:
        raise FeatureTypeError(_message(text, f"unknown {kind!r}: {choices(kind, _KINDS)}"))
    if kind == "irreps":
        return _irreps(points, label, max_frequency, text)
    if kind == "irrep":
        return [_irrep(points, label, max_frequency, text)]
    if kind == "quotient":
        return [_quotient(points, label, text)]
    if kind == "induced":
        return [_induced(points, label, text)]
    if label:
        raise FeatureTypeError(_message(text, f"{kind!r} takes no numbers, got {label}"))
    if kind == "trivial" or points.group.order == 1:
        return [TRIVIAL]
    _needs_finite(points, kind, text)
    return [Representation("regular")]


def _irrep(
    points: PointGroup, label: tuple[int, ...], max_frequency: int, text: str
) -> Representation:
    takes = "(j, k) with j = 0, 1 or (k) alone" if points.reflections else "(k)"
    lengths = (1, 2) if points.reflections else (1,)
    highest = max_frequency if points.rotations is None else points.rotations // 2
    if len(label) not in lengths or label[-1] > highest or label[0] * (len(label) - 1) > 1:
        raise FeatureTypeError(
            _message(
                text,
                f"{points.name} has no irrep{label}, expected {takes} with k of at most {highest}",
                "Raise max_frequency for more." if points.rotations is None else "",
            )
        )
    frequency = label[-1]
    alone = 2 * frequency == points.rotations or frequency == 0  # one-dimensional
    if not points.reflections:
        return Representation("irrep", label) if frequency else TRIVIAL
    if len(label) == 1 and alone and frequency:
        raise FeatureTypeError(
            _message(
                text, f"irrep({frequency}) of {points.name} is one of two, expected irrep(j,k)"
            )
        )
    parity = label[0] if len(label) == 2 else int(not alone)
    if parity == 0 and not alone:
        raise FeatureTypeError(
            _message(text, f"{points.name} has no irrep(0,{frequency}), expected j = 1")
        )
    return (
        Representation("irrep", (parity, frequency)) if (parity, frequency) != (0, 0) else TRIVIAL
    )


def _irreps(
    points: PointGroup, label: tuple[int, ...], max_frequency: int, text: str
) -> list[Representation]:
    """Return the trivial irrep and all of frequency 1 up to the one that is given.

    Pseudo-scalars (1, 0) are left out: no convolution makes them from an image.
    """
    highest = max_frequency if points.rotations is None else points.rotations // 2
    if len(label) > 1 or (label and label[0] > highest):
        raise FeatureTypeError(
            _message(text, f"irreps{label} of {points.name}, expected one number up to {highest}")
        )
    irreps = [TRIVIAL]
    for frequency in range(1, (label[0] if label else min(highest, max_frequency)) + 1):
        alone = 2 * frequency == points.rotations
        parities = ((0, 1) if alone else (1,)) if points.reflections else (None,)
        for parity in parities:
            name = (frequency,) if parity is None else (parity, frequency)
            irreps.append(_irrep(points, name, highest, text))
    return irreps


def _quotient(points: PointGroup, label: tuple[int, ...], text: str) -> Representation:
    rotations = _needs_finite(points, "quotient", text)
    lengths = (1, 2) if points.reflections else (1,)
    if len(label) not in lengths or label[-1] < 1 or rotations % label[-1]:
        takes = "(n) or (axis, n)" if points.reflections else "(n)"
        raise FeatureTypeError(
            _message(
                text,
                f"{points.name} has no quotient{label}, expected {takes}, n dividing {rotations}",
            )
        )
    divisor = label[-1]
    if len(label) == 2:
        axis = label[0] % (rotations // divisor)
        return Representation("quotient", (axis, divisor)) if divisor < rotations else TRIVIAL
    if divisor == 1 and points.group.order != 1:
        return Representation("regular")
    one_point = divisor == rotations and not points.reflections
    return TRIVIAL if one_point else Representation("quotient", (divisor,))


def _induced(points: PointGroup, label: tuple[int, ...], text: str) -> Representation:
    """Return an irrep of a subgroup, induced: ``(n, k)`` or, with reflections, ``(a, n, j, k)``."""
    rotations = _needs_finite(points, "induced", text)
    lengths = (2, 4) if points.reflections else (2,)
    count = label[len(label) // 4] if len(label) in lengths else 0
    takes = "(n,k) or (axis,n,j,k)" if points.reflections else "(n,k)"
    if count < 1 or rotations % count:
        raise FeatureTypeError(
            _message(
                text,
                f"{points.name} has no induced{label}, expected {takes}, n dividing {rotations}",
                f"Write for example 'induced({rotations},1)' for irrep(1) of the rotations.",
            )
        )
    mirrored = len(label) == 4
    smaller = PointGroup(count, mirrored)
    irrep = _irrep(smaller, label[2:] if mirrored else label[1:], 0, text)
    axis = label[0] % (rotations // count) if mirrored else None
    if irrep == TRIVIAL:
        return _quotient(points, (count,) if axis is None else (axis, count), text)
    if count == rotations and mirrored == points.reflections:
        return irrep
    return Representation(
        "induced", (count, *irrep.label) if axis is None else (axis, count, *irrep.label)
    )


def _needs_finite(points: PointGroup, kind: str, text: str) -> int:
    if points.rotations is None:
        raise FeatureTypeError(
            _message(
                text,
                f"{points.name} has infinitely many rotations and no {kind} fields of finite size",
                "Write irreps, as in '8 irreps(2)', or choose rotations=8.",
            )
        )
    return points.rotations


def _message(text: str, problem: str, hint: str = "") -> str:
    hint = hint or "Write for example 3, '3 trivial', '16 regular' or '8 trivial + 4 irrep(1)'."
    return (
        f"got the planar feature type {text!r}: {problem.rstrip('.')}. Expected counts and "
        f"representations joined by '+'. {hint}"
    )
