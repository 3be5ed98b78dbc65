r"""The representations of planar point groups: what one field is at one pixel.

Written down here, not asked of escnn, so that types act in exact float64, pickle, and can be loaded
where escnn is absent; the tests hold every matrix to escnn's. With :math:`g = r_\theta s^f`:

===================  =====================================================================
trivial              :math:`1`
irrep(k)             the rotation matrix of :math:`k\theta`; :math:`(-1)^m` at :math:`k = N/2`
irrep(j, k)          with reflections: :math:`r_{k\theta}\,\mathrm{diag}(1, -1)^f`
regular              moves the group's own elements: :math:`g \cdot e_h = e_{gh}`
quotient(n)          moves the cosets of the :math:`n` rotations; quotient(a, n): of those and the
                     reflection :math:`r^a s`
induced(n, k)        irrep(k) of the :math:`n` rotations at each coset; induced(a, n, j, k):
                     irrep(j, k) of those and :math:`r^a s`, see :mod:`.induced`
===================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets_planar.fields.induced import Induced
from eqsets_planar.point_group import PointGroup, Pose

__all__ = ["TRIVIAL", "Representation"]


@dataclass(frozen=True, order=True)
class Representation:
    """One representation by its name, in normal form, see :func:`.named`.

    Attributes:
        kind: ``"trivial"``, ``"irrep"``, ``"regular"``, ``"quotient"`` or ``"induced"``.
        label: numbers of the irrep, of the quotient, or of both.
    """

    kind: str
    label: tuple[int, ...] = ()

    @property
    def pointwise(self) -> bool:
        """Whether elements only move components about."""
        return self.kind not in ("irrep", "induced")

    @property
    def has_invariant(self) -> bool:
        """Whether there is an invariant vector, which a bias can be added to."""
        return self.kind not in ("irrep", "induced")

    def size(self, points: PointGroup) -> int:
        """Return the number of components."""
        if self.kind == "trivial":
            return 1
        if self.kind == "irrep":
            return 1 if self._is_sign(points) else 2
        if points.rotations is None:
            raise AssertionError(f"{self} exists for finite groups only")
        if self.kind == "induced":
            induced = Induced.of(points, self.label)
            return induced.cosets * induced.inner
        orbit = points.rotations // (self.label[-1] if self.label else 1)
        return orbit * (2 if points.reflections and len(self.label) < 2 else 1)

    def _is_sign(self, points: PointGroup) -> bool:
        half = points.rotations is not None and 2 * self.label[-1] == points.rotations
        return half or self.label[-1] == 0

    def matrix(self, points: PointGroup, pose: Pose) -> Tensor:
        """Return the matrices ``(*batch, d, d)`` in float64; exact where they are whole numbers."""
        if self.kind == "trivial":
            return torch.ones_like(pose.turn)[..., None, None]
        if self.kind == "irrep":
            return self._irrep(points, pose)
        if self.kind == "induced":
            return Induced.of(points, self.label).matrix(pose)
        size = self.size(points)
        target = self._target(points, pose)
        moved: Tensor = torch.nn.functional.one_hot(target, size).mT.double()
        return moved

    def _irrep(self, points: PointGroup, pose: Pose) -> Tensor:
        angle = 2 * torch.pi * (pose.turn * self.label[-1] % 1)
        cos, sin = _whole(angle.cos()), _whole(angle.sin())
        if self._is_sign(points):
            odd = points.reflections and self.label[0] == 1
            return torch.where(pose.flip & odd, -cos, cos)[..., None, None]
        sign = torch.where(pose.flip, -1.0, 1.0).double()
        entries: Tensor = torch.stack([cos, -sin * sign, sin, cos * sign], -1)
        return entries.reshape(*cos.shape, 2, 2)

    def _target(self, points: PointGroup, pose: Pose) -> Tensor:
        """Return where each of the points of the orbit goes, ``(*batch, d)``."""
        if points.rotations is None:
            raise AssertionError(f"{self} exists for finite groups only")
        turns = points.rotations // (self.label[-1] if self.label else 1)
        index = torch.arange(self.size(points), device=pose.step.device)
        step, flip = pose.step[..., None], pose.flip[..., None]
        turn, half = index % turns, index // turns
        if len(self.label) == 2:  # r^m s S = r^(m - a) S, as r^a s is in S
            return (step + torch.where(flip, -turn - self.label[0], turn)) % turns
        moved = (step + torch.where(flip, -turn, turn)) % turns
        return moved + turns * torch.where(flip, 1 - half, half)

    def __str__(self) -> str:
        return f"{self.kind}({','.join(map(str, self.label))})" if self.label else self.kind


def _whole(values: Tensor) -> Tensor:
    """Replace values that differ from -1, 0 or 1 by rounding alone."""
    near = values.round()
    return torch.where((values - near).abs() < 1e-15, near, values)


TRIVIAL = Representation("trivial")
