"""The specs of the core's own symmetries: small sizes, types with every kind of orbit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eqsets.generated import GeneratedSymmetry, cyclic, dihedral, grid_rotations, symmetric, trivial
from eqsets.nested import Sets
from eqsets.symmetry import ElementSymmetry
from eqsets.testing.spec import ContractSpec

__all__ = [
    "cyclic_spec",
    "dihedral_spec",
    "grid_rotations_spec",
    "product_spec",
    "sets_spec",
    "symmetric_spec",
    "trivial_spec",
]


# Turn by a third and flip of the plane: matrices that do not commute, and vectors they mix.
_TRIANGLE = (((-0.5, -(0.75**0.5)), (0.75**0.5, -0.5)), ((1.0, 0.0), (0.0, -1.0)))

# The same group in oblique coordinates: the transpose of a matrix is not its inverse.
_OBLIQUE = (((0.0, -1.0), (1.0, -1.0)), ((0.0, 1.0), (1.0, 0.0)))


def _subject(name: str, symmetry: ElementSymmetry, *specs: Any) -> ContractSpec:
    types = tuple(symmetry.feature_type(spec) for spec in specs)
    return ContractSpec(name, plugin=True, symmetry=symmetry, types=types)


def trivial_spec() -> ContractSpec:
    """Return the spec of ``"trivial"``: plain vectors."""
    return _subject("trivial", trivial(), 3, 4)


def cyclic_spec() -> ContractSpec:
    """Return the spec of ``"cyclic"``: rings of five points, and of pairs of them."""
    return _subject("cyclic", cyclic(5), 1, 2, "2 trivial", "1 pairs")


def dihedral_spec() -> ContractSpec:
    """Return the spec of ``"dihedral"``: a square, and the plane of a triangle."""
    variants = (
        replace(_subject(name, GeneratedSymmetry(matrices=matrices), 1, 2), order=6, plugin=False)
        for name, matrices in (("triangle", _TRIANGLE), ("oblique", _OBLIQUE))
    )
    triangle, oblique = variants
    spec = _subject("dihedral", dihedral(4), 1, 2, "2 trivial", "1 pairs")
    return replace(spec, order=8, variants=(triangle, replace(oblique, aggregations=("sum",))))


def symmetric_spec() -> ContractSpec:
    """Return the spec of ``"symmetric"``: sets of three points."""
    return _subject("symmetric", symmetric(3), 1, 2, "2 trivial", "1 pairs")


def grid_rotations_spec() -> ContractSpec:
    """Return the spec of ``"grid-rotations"``: a square grid and an oblong one.

    The turns of the oblong one alone are a group of two; its reflections make the half turn.
    """
    turns = ContractSpec("oblong, turns", group=grid_rotations(2, 3).group, order=2)
    oblong = _subject("oblong", grid_rotations(2, 3, reflections=True), 1, 2)
    spec = _subject("grid-rotations", grid_rotations(3, 3, reflections=True), 1, 2, "2 trivial")
    return replace(spec, order=8, variants=(replace(oblong, order=4, plugin=False), turns))


def product_spec() -> ContractSpec:
    """Return sets of pairs of rings: the two have no order, the rings turn together."""
    return _subject("product", symmetric(2) * cyclic(3), 1, 2, ("1 trivial", 1))


def sets_spec() -> ContractSpec:
    """Return sets of sets of rings that turn together."""
    others = tuple(Sets(cyclic(3), size=2, aggregation=name) for name in ("sum", "mean", "max"))
    return replace(_subject("sets", Sets(cyclic(3), size=2), 1, 2), alternatives=others)
