r"""See the fields of a group as fields of a subgroup: the same numbers, in another order.

Every representation here decomposes over a subgroup by reordering its components and changing
signs alone: regular and quotient fields into the orbits of the subgroup, each named by the
stabiliser of a point; an irrep of frequency :math:`k` into those of :math:`k \bmod M`, mirrored
where :math:`k \bmod M > M/2`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.constants import Constants, on_cpu
from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.fields.parsing import merged, named
from eqsets_planar.fields.representations import TRIVIAL, Representation
from eqsets_planar.point_group import PointGroup

__all__ = ["Part", "Restriction", "restricted"]


@dataclass(frozen=True)
class Part:
    """One representation of the subgroup inside one of the group.

    Attributes:
        representation: of the subgroup.
        components: which components of the field it has, in order.
        signs: what each is multiplied by.
    """

    representation: Representation
    components: tuple[int, ...]
    signs: tuple[int, ...]


class Restriction(nn.Module):
    """Declare features of a group as features of a subgroup; no weights, an isometry.

    After some layers that commute with all rotations, later layers may be equivariant to a
    smaller group only, and distinguish digits 6 and 9, or up and down.

    Raises:
        FeatureTypeError: the other group is no subgroup.
    """

    def __init__(self, in_type: PlanarFields, points: PointGroup) -> None:
        super().__init__()
        self.in_type = in_type
        with on_cpu():
            blocks, index, signs = _reordered(in_type, points)
            self.constants = Constants(
                index=torch.tensor(index), signs=torch.tensor(signs, dtype=torch.float64)
            )
        self.out_type = PlanarFields(points, merged(blocks), in_type.grid)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, H, W)`` to the same numbers in the order of ``out_type``."""
        signs = self.constants.get("signs", x)
        return x.index_select(-3, self.constants.get("index", x)) * signs[:, None, None]

    def extra_repr(self) -> str:
        return f"{self.in_type.points.name} -> {self.out_type.points.name}, {self.out_type}"


def _reordered(
    in_type: PlanarFields, points: PointGroup
) -> tuple[list[tuple[int, Representation]], list[int], list[int]]:
    """Return the fields over the subgroup, and index and sign of each of their components."""
    index: list[int] = []
    signs: list[int] = []
    blocks: list[tuple[int, Representation]] = []
    for components, (count, representation) in zip(in_type.slices(), in_type.blocks, strict=True):
        size = representation.size(in_type.points)
        for part in restricted(representation, in_type.points, points):
            blocks.append((count, part.representation))
            for copy in range(count):
                index += [components.start + copy * size + c for c in part.components]
                signs += part.signs
    return blocks, index, signs


def restricted(
    representation: Representation, points: PointGroup, smaller: PointGroup
) -> list[Part]:
    """Return what ``representation`` of ``points`` falls into over the subgroup ``smaller``.

    Raises:
        FeatureTypeError: it is no subgroup.
    """
    big, small = points.rotations, smaller.rotations
    fits = big is None or (small is not None and big % small == 0)
    if not fits or smaller.reflections > points.reflections:
        raise FeatureTypeError(
            f"{smaller.name} is no subgroup of {points.name}, expected rotations that divide "
            f"{big or 'nothing (any number)'} and no reflections where there were none."
        )
    if representation == TRIVIAL or smaller.group.order == 1:
        size = representation.size(points)
        return [Part(TRIVIAL, (component,), (1,)) for component in range(size)]
    if representation.kind == "induced":
        raise FeatureTypeError(
            f"{representation} of {points.name} cannot be restricted to {smaller.name} by "
            "reordering components, expected irreps, regular or quotient fields. Map to these "
            "first."
        )
    if representation.kind == "irrep":
        return _restricted_irrep(representation, points, smaller)
    return _orbits(representation, points, smaller)


def _restricted_irrep(
    representation: Representation, points: PointGroup, smaller: PointGroup
) -> list[Part]:
    frequency, turns = representation.label[-1], smaller.rotations
    reduced = frequency if turns is None else frequency % turns
    mirrored = turns is not None and 2 * reduced > turns
    if mirrored and turns is not None:
        reduced = turns - reduced
    alone = reduced == 0 or 2 * reduced == turns
    if representation.size(points) == 2 and not alone:
        label = (1, reduced) if smaller.reflections else (reduced,)
        signs = (1, -1) if mirrored else (1, 1)
        return [Part(Representation("irrep", label), (0, 1), signs)]
    if representation.size(points) == 2:
        parities: tuple[int, ...] = (0, 1)
    else:
        parities = (representation.label[0] if points.reflections else 0,)
    return [
        Part(_one_dimensional(parity, reduced, smaller), (component,), (1,))
        for component, parity in enumerate(parities)
    ]


def _one_dimensional(parity: int, frequency: int, points: PointGroup) -> Representation:
    if not points.reflections:
        return Representation("irrep", (frequency,)) if frequency else TRIVIAL
    trivial = (parity, frequency) == (0, 0)
    return TRIVIAL if trivial else Representation("irrep", (parity, frequency))


def _orbits(representation: Representation, points: PointGroup, smaller: PointGroup) -> list[Part]:
    """Return one part for each orbit of the subgroup on the points of a permutation."""
    if points.rotations is None or smaller.rotations is None:
        raise AssertionError("only finite groups have regular and quotient fields")
    elements = smaller.group.elements()
    inside = elements.clone()
    steps = points.rotations // smaller.rotations
    if smaller.reflections:
        inside[:, 0] = inside[:, 0] * steps
    else:
        inside = inside * steps
        if points.reflections:
            inside = torch.stack([inside, torch.zeros_like(inside)], -1)
    goes_to = representation.matrix(points, points.pose(inside)).argmax(-2)  # (order, d)
    parts, seen = [], set()
    for base in range(goes_to.shape[1]):
        if base in seen:
            continue
        seen.update(goes_to[:, base].tolist())
        target = _named_by_stabiliser(elements[goes_to[:, base] == base], smaller)
        moves = target.matrix(smaller, smaller.pose(elements)).argmax(-2)[:, 0].tolist()
        point_of = dict(zip(moves, goes_to[:, base].tolist(), strict=True))
        components = tuple(point_of[point] for point in range(len(point_of)))
        parts.append(Part(target, components, (1,) * len(components)))
    return parts


def _named_by_stabiliser(stabiliser: Tensor, points: PointGroup) -> Representation:
    """Return the quotient by a subgroup, given by its elements."""
    if not points.reflections:
        label: tuple[int, ...] = (len(stabiliser),)
    else:
        mirrors = stabiliser[stabiliser[:, 1] == 1, 0]
        rotations = len(stabiliser) - len(mirrors)
        label = (int(mirrors.min()), rotations) if len(mirrors) else (rotations,)
    return named(points, "quotient", label, 0, f"quotient{label}")[0]
