r"""Coordinates of affine maps: mirror, then scale and shear, then rotation, then shift.

.. math:: g = \begin{pmatrix} R \exp(S) M^m & t \\ 0 & 1 \end{pmatrix}, \qquad
          R = R_z(\gamma) R_y(\beta) R_x(\alpha)

with a symmetric ``S``, the mirror ``M`` of the first axis, and :math:`|\beta| \le \pi / 2`. Every
map has coordinates. Rotations of space do not commute: so a pose is moved about an axis by a
product from the left, whatever its own rotation is (:meth:`SpaceChart.along`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.families import Chart, Parameter, at_least_float32, without_autocast
from eqsets_affine.space.group import AXES, tangents

__all__ = ["SpaceChart"]


@dataclass(frozen=True)
class SpaceChart(Chart):
    """Coordinates of homogeneous matrices ``(dims + 1, dims + 1)``.

    Arguments:
        parameters: which there are. What they do follows from ``names``.
        keys: for each, the name of its generator of :func:`eqsets_affine.space.group.tangents`, or
            ``"mirror"``.
        dims: of the space.
        raw: whether a pose is moved from the left whatever the coordinate is, and keeps all others.
    """

    parameters: tuple[Parameter, ...]
    keys: tuple[str, ...]
    dims: int
    raw: bool = False

    @without_autocast
    def element(self, z: Tensor) -> Tensor:
        z = at_least_float32(z)
        part = dict(zip(self.keys, z.unbind(-1), strict=True))
        linear = self._rotation(part, z) @ self._stretch(part, z)
        if "mirror" in part:
            sign = 1 - 2 * part["mirror"].detach().round().remainder(2)
            first = torch.stack([sign, *[torch.ones_like(sign)] * (self.dims - 1)], -1)
            linear = linear * first[..., None, :]
        none = torch.zeros_like(z[..., 0])
        shift = torch.stack([part.get(name, none) for name in self._names("shift")], -1)
        upper = torch.cat([linear, shift[..., None]], -1)
        last = torch.zeros_like(upper[..., :1, :])
        last = torch.cat([last[..., :-1], torch.ones_like(last[..., -1:])], -1)
        return torch.cat([upper, last], -2)

    @without_autocast
    def coordinates(self, g: Tensor) -> Tensor:
        g = at_least_float32(g)
        linear, shift = g[..., :-1, :-1], g[..., :-1, -1]
        mirrored = torch.linalg.det(linear) < 0
        sign = torch.where(mirrored, -1.0, 1.0).to(g.dtype)
        first = torch.stack([sign, *[torch.ones_like(sign)] * (self.dims - 1)], -1)
        turn, stretch = _polar(linear * first[..., None, :])
        part = {"mirror": mirrored.to(g.dtype)}
        part |= dict(zip(self._names("shift"), shift.unbind(-1), strict=True))
        part["scale"] = stretch.diagonal(dim1=-2, dim2=-1).mean(-1)
        for i, name in enumerate(self._names("scale")):
            part.setdefault(name, stretch[..., i, i])
        if self.dims == 2:
            part["rotation"] = torch.atan2(turn[..., 1, 0], turn[..., 0, 0])
            part["shear"] = stretch[..., 0, 1]
        if self.dims == 3:
            part |= _angles(turn)
            for i, axis in enumerate(AXES):
                part[f"shear_{axis}"] = stretch[..., (i + 1) % 3, (i + 2) % 3]
        return torch.stack([part[key] for key in self.keys], -1)

    def along(self, z: Tensor, index: int, steps: Tensor) -> Tensor:
        """Return poses moved along one coordinate; a rotation of space is one from the left."""
        if self.raw:
            moved = steps.new_zeros(len(steps), len(self.keys))
            moved[:, index] = steps
            return self.element(moved) @ self.element(z)[:, None]
        if not self.keys[index].startswith("rotation") or self.dims < 3:
            return super().along(z, index, steps)
        retained = [key.startswith("rotation") or key == "mirror" for key in self.keys]
        pose = self.element(z * torch.tensor(retained, device=z.device))
        tangent = tangents(self.dims)[self.keys[index]].to(z)
        turn: Tensor = torch.linalg.matrix_exp(steps[:, None, None] * tangent)
        return turn @ pose[:, None]

    @without_autocast
    def mean(self, g: Tensor, weights: Tensor) -> Tensor:
        """Return the mean of the matrices, taken back to the family; mirrors by majority."""
        share = self.shares(weights).to(g.dtype)
        sign = torch.linalg.det(g).sign()
        majority = torch.where((share * sign).sum(1) < 0, -1.0, 1.0).to(g.dtype)
        share = share * (sign == majority[:, None])
        share = share / share.sum(1, keepdim=True).clamp_min(1e-30)
        return self.element(self.coordinates((share[..., None, None] * g).sum(1)))

    def _names(self, what: str) -> list[str]:
        return [f"{what}_{axis}" for axis in AXES[: self.dims]] if self.dims > 1 else [what]

    def _rotation(self, part: dict[str, Tensor], z: Tensor) -> Tensor:
        one = torch.eye(self.dims, dtype=z.dtype, device=z.device).expand(*z.shape[:-1], -1, -1)
        turn = one
        for name in ("rotation", *(f"rotation_{axis}" for axis in reversed(AXES))):
            if name in part:
                angle = part[name][..., None, None]
                tangent = tangents(self.dims)[name][:-1, :-1].to(z)
                square = tangent @ tangent
                turn = turn @ (one + angle.sin() * tangent + (1 - angle.cos()) * square)
        return turn

    def _stretch(self, part: dict[str, Tensor], z: Tensor) -> Tensor:
        known = tangents(self.dims)
        required = [key for key in part if key.startswith(("scale", "shear"))]
        if required in ([], ["scale"]):
            size = part["scale"].exp() if required else torch.ones_like(z[..., 0])
            return size[..., None, None] * torch.eye(self.dims, dtype=z.dtype, device=z.device)
        symmetric = sum(
            (part[key][..., None, None] * known[key][:-1, :-1].to(z) for key in required),
            z.new_zeros(()),
        )
        stretch: Tensor = torch.linalg.matrix_exp(symmetric)
        return stretch


def _polar(linear: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``R`` and ``S`` with ``linear = R exp(S)``."""
    values, vectors = torch.linalg.eigh(linear.mT @ linear)
    logs = values.clamp_min(1e-30).log() / 2
    stretch = (vectors * logs[..., None, :]) @ vectors.mT
    back = (vectors * (-logs).exp()[..., None, :]) @ vectors.mT
    return linear @ back, stretch


def _angles(turn: Tensor) -> dict[str, Tensor]:
    """Return the angles of ``Rz Ry Rx``."""
    flat = (turn[..., 0, 0].square() + turn[..., 1, 0].square()).sqrt()
    level = flat > 1e-7
    x = torch.where(
        level,
        torch.atan2(turn[..., 2, 1], turn[..., 2, 2]),
        torch.atan2(-turn[..., 1, 2], turn[..., 1, 1]),  # z is 0 there by convention
    )
    z = torch.where(level, torch.atan2(turn[..., 1, 0], turn[..., 0, 0]), 0.0)
    return {"rotation_x": x, "rotation_y": torch.atan2(-turn[..., 2, 0], flat), "rotation_z": z}
