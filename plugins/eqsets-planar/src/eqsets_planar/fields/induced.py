r"""Induced representations: a field of a subgroup at each of its cosets.

.. math:: \mathrm{Ind}(g)_{ij} = \rho(c_i^{-1} g c_j) \text{ if } g c_j \in c_i S, \text{ else } 0

with an irrep :math:`\rho` of a subgroup :math:`S` and representatives :math:`c_j` of its cosets,
:math:`r^t`, then :math:`r^t s`, as escnn numbers them. Of the trivial irrep it is the quotient.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets_planar.point_group import PointGroup, Pose

__all__ = ["Induced"]


@dataclass(frozen=True)
class Induced:
    """An irrep of a subgroup, and the group that it is induced to.

    Attributes:
        points: the group.
        axis: ``a`` of the subgroup with the reflection :math:`r^a s`; ``None`` for rotations alone.
        count: number of rotations of the subgroup.
        parity: ``j`` of the irrep, with reflections.
        frequency: ``k`` of the irrep.
    """

    points: PointGroup
    axis: int | None
    count: int
    parity: int
    frequency: int

    @classmethod
    def of(cls, points: PointGroup, label: tuple[int, ...]) -> Induced:
        """Return that of a label ``(n, k)`` or ``(a, n, j, k)``."""
        if len(label) == 2:
            return cls(points, None, label[0], 1, label[1])
        return cls(points, *label)

    @property
    def inner(self) -> int:
        """Number of components of the irrep."""
        return 1 if self.frequency == 0 or 2 * self.frequency == self.count else 2

    @property
    def turns(self) -> int:
        """Number of cosets of the rotations."""
        return (self.points.rotations or 1) // self.count

    @property
    def cosets(self) -> int:
        """Number of cosets."""
        return self.turns * (2 if self.points.reflections and self.axis is None else 1)

    def matrix(self, pose: Pose) -> Tensor:
        """Return the matrices ``(*batch, d, d)`` in float64."""
        index = torch.arange(self.cosets, device=pose.step.device)
        turn, half = index % self.turns, index // self.turns == 1
        step, flip = pose.step[..., None], pose.flip[..., None]
        step = step + torch.where(flip, -turn, turn)
        flip = flip ^ half
        if self.axis is None:
            target = step % self.turns
            rotated = torch.where(flip, target - step, step - target)
            target = target + self.turns * flip
            mirrored = torch.zeros_like(flip)
        else:
            step = step - self.axis * flip
            target = step % self.turns
            rotated, mirrored = step - target, flip
        moves = torch.nn.functional.one_hot(target, self.cosets).double()  # (*batch, j, i)
        blocks = self._irrep(rotated, mirrored)  # (*batch, j, d, d)
        joined = torch.einsum("...ji,...jab->...iajb", moves, blocks)
        return joined.flatten(-4, -3).flatten(-2, -1)

    def _irrep(self, step: Tensor, flip: Tensor) -> Tensor:
        rotations = self.points.rotations or 1
        angle = 2 * torch.pi * (step * self.frequency % rotations).double() / rotations
        cos, sin = _whole(angle.cos()), _whole(angle.sin())
        sign = torch.where(flip, -1.0, 1.0).double()
        if self.inner == 1:
            return (cos * sign if self.parity else cos)[..., None, None]
        entries = torch.stack([cos, -sin * sign, sin, cos * sign], -1)
        return entries.reshape(*cos.shape, 2, 2)


def _whole(values: Tensor) -> Tensor:
    """Replace values that differ from -1, 0 or 1 by rounding alone."""
    near = values.round()
    return torch.where((values - near).abs() < 1e-15, near, values)
