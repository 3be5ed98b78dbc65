"""The rotations and reflections about the centre of an image: C_N, D_N, SO(2) and O(2).

Conventions, those of escnn's planar spaces: turns are counterclockwise, the reflection swaps left
and right, and an element is "first reflect, then turn".
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor

from eqsets import FeatureTypeError, Group
from eqsets.groups import CyclicGroup, OrthogonalGroup, dihedral_group

__all__ = ["PointGroup", "Pose"]


@dataclass(frozen=True)
class Pose:
    """Group elements as a rotation and a reflection.

    Attributes:
        step: ``(*batch)`` number of the turn in a finite group, else zeros.
        turn: ``(*batch)`` float64, the angle as a part of a full turn.
        flip: ``(*batch)`` bool, whether left and right are swapped before the turn.
    """

    step: Tensor
    turn: Tensor
    flip: Tensor


@dataclass(frozen=True)
class PointGroup:
    """Rotations by multiples of ``1 / rotations`` of a full turn, or by any angle (``None``).

    Elements are numbers (C_N), pairs turn and flip (D_N), or 2 x 2 matrices (SO(2), O(2)).

    Arguments:
        rotations: number of rotations, or ``None`` for all.
        reflections: whether reflections are in.

    Raises:
        FeatureTypeError: the options are not of their kind.

    Example:
        >>> PointGroup(4, reflections=True).group.order
        8
    """

    rotations: int | None = 4
    reflections: bool = False

    def __post_init__(self) -> None:
        given = self.rotations
        if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
            given = 0
        if given is not None and given < 1:
            raise FeatureTypeError(
                f"element group 'planar' got rotations={self.rotations!r}, expected a whole number "
                "of at least 1, or None for rotations by any angle. Write rotations=4 for quarter "
                "turns."
            )
        if not isinstance(self.reflections, bool):
            raise FeatureTypeError(
                f"element group 'planar' got reflections={self.reflections!r}, expected True or "
                "False. Write reflections=True to add mirror images."
            )

    @property
    def group(self) -> Group:
        """The group as eqsets knows it."""
        if self.rotations is None:
            return OrthogonalGroup(2, special=not self.reflections)
        return dihedral_group(self.rotations) if self.reflections else CyclicGroup(self.rotations)

    @property
    def name(self) -> str:
        """The name in the literature, such as ``"D4"``."""
        if self.rotations is None:
            return "O(2)" if self.reflections else "SO(2)"
        return f"{'D' if self.reflections else 'C'}{self.rotations}"

    @property
    def quarter_turns(self) -> int:
        """How many of the rotations move pixels onto pixels: 1, 2 or 4."""
        return 4 if self.rotations is None else gcd(4, self.rotations)

    @property
    def exact(self) -> bool:
        """Whether every element moves pixels onto pixels."""
        return self.rotations in (1, 2, 4)

    def pose(self, g: Tensor) -> Pose:
        """Return elements ``g: (*batch, *element_shape)`` as rotations and reflections."""
        self.group.check(g)
        if self.rotations is None:
            g = g.double()
            flip = torch.linalg.det(g) < 0
            sign = torch.where(flip, -1.0, 1.0)
            # g = R diag(-1, 1)^flip: undo the flip on the first column
            turn = torch.atan2(g[..., 1, 0] * sign, g[..., 0, 0] * sign) / (2 * torch.pi)
            return Pose(torch.zeros_like(flip, dtype=torch.int64), turn, flip)
        step, flip = (g[..., 0], g[..., 1] == 1) if self.reflections else (g, g != g)
        step = step.to(torch.int64) % self.rotations
        return Pose(step, step.double() / self.rotations, flip)

    def exact_elements(self) -> Tensor:
        """Return all elements that move pixels onto pixels, ``(k, *element_shape)``."""
        turns = torch.arange(self.quarter_turns)
        if self.rotations is None:
            angles = turns * (torch.pi / 2)
            cos, sin = angles.double().cos().round(), angles.double().sin().round()
            g = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
            mirror = torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64))
            return torch.cat([g, g @ mirror]) if self.reflections else g
        steps = turns * (self.rotations // self.quarter_turns)
        if not self.reflections:
            return steps
        zeros = torch.zeros_like(steps)
        return torch.cat([torch.stack([steps, flips], -1) for flips in (zeros, zeros + 1)])
