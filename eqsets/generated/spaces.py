"""How feature types of groups from generators are named: ``"2 points*dual + 3 sym(points^2)"``."""

from __future__ import annotations

import re
from typing import Any

from eqsets.errors import FeatureTypeError, choices

__all__ = ["Space", "parse"]

_PARTS = ("sym", "alt")
_LARGEST_POWER = 8

Space = tuple[tuple[str, ...], str]
"""The factors of a tensor product, and ``"sym"``, ``"alt"`` or ``""``."""


def parse(spec: Any, known: list[str], owner: str) -> list[tuple[int, Space]]:
    """Return (channels, space) for each term of a sum, in the order given, equal ones added up.

    Arguments:
        spec: ``4``, ``"4"``, ``"4 trivial"``, ``"2 points*dual + 3 sym(points^2)"``.
        known: names of spaces.
        owner: the symmetry, for messages.

    Raises:
        FeatureTypeError: the specification is not understood.
    """
    terms = spec.split("+") if isinstance(spec, str) else [spec]
    counts: dict[Space, int] = {}
    for term in terms:
        count, space = _term(term, spec, known, owner)
        counts[space] = counts.get(space, 0) + count
    return [(count, space) for space, count in counts.items()]


def _term(term: Any, spec: Any, known: list[str], owner: str) -> tuple[int, Space]:
    count, text = term, "points"
    if isinstance(term, str):
        words = re.sub(r"\s*([*^()])\s*", r"\1", term.strip()).split()
        if words and words[0].isascii() and words[0].isdecimal() and len(words) <= 2:
            count, text = int(words[0]), (words[1] if len(words) == 2 else text)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise FeatureTypeError(
            f"got the feature type {term!r}, expected a number of channels of at least 1, alone or "
            f"followed by {', '.join(known[:-1])} or {known[-1]}. Write for example 8 or "
            "'8 trivial'."
        )
    match = re.fullmatch(r"(\w+)\((.*)\)", text)
    part, product = match.groups() if match and match[1] in _PARTS else ("", text)
    factors: list[str] = []
    for factor in product.split("*"):
        name, power, degree = factor.partition("^")
        if name not in known:
            raise FeatureTypeError(
                f"{owner} knows no feature type {name!r} (in {spec!r}): {choices(name, known)}"
            )
        if power and not (degree.isdecimal() and 1 <= int(degree) <= _LARGEST_POWER):
            raise FeatureTypeError(
                f"{owner} got the power {degree!r} (in {spec!r}), expected a whole number from 1 "
                f"to {_LARGEST_POWER}."
            )
        factors += [name] * (int(degree) if power else 1)
    factors = [one for factor in factors for one in _factors(factor)]
    if part and len(set(factors)) > 1:
        raise FeatureTypeError(
            f"{owner} got {text!r} (in {spec!r}), expected one kind of factor: only then are "
            "indices exchanged."
        )
    if len(factors) <= 1:  # a power of one, or scalars alone
        return count, (tuple(factors) or ("trivial",), "")
    return count, (tuple(factors), part)


def _factors(factor: str) -> tuple[str, ...]:
    """Return a factor as vectors: scalars are none, pairs of points are two."""
    return {"trivial": (), "pairs": ("points", "points")}.get(factor, (factor,))
