"""What the families of affine maps of signals, clouds and volumes share."""

from __future__ import annotations

from abc import abstractmethod
from math import pi

import torch
from torch import Tensor

from eqsets import TransformationFamily
from eqsets.families import Frame, Parameter, without_autocast
from eqsets_affine.space.chart import SpaceChart
from eqsets_affine.space.group import AXES, SpaceGroup
from eqsets_affine.space.moments import MomentFrame

__all__ = ["SpaceFamily", "parameters_for"]


def parameters_for(keys: tuple[str, ...], dims: int, unit: str) -> tuple[Parameter, ...]:
    """Return a parameter for each key; shifts are in ``unit``."""
    listed = []
    for key in keys:
        if key.startswith("shift"):
            listed.append(Parameter(key, unit, -0.25, 0.25, role="shift"))
        elif key.startswith("rotation"):
            half = pi / 2 if key == "rotation_y" else pi
            listed.append(Parameter(key, "radians", -half, half, 2 * pi, role="rotation"))
        elif key.startswith("scale"):
            listed.append(Parameter(key, "log factor", -0.4, 0.4, role="scale"))
        elif key.startswith("shear"):
            listed.append(Parameter(key, "log factor", -0.4, 0.4, role="shear"))
        else:
            listed.append(Parameter.discrete(key, "reflections", 2, "reflection"))
    return tuple(listed)


def keys_of(kind: str, dims: int, *, moves: bool = True) -> tuple[str, ...]:
    """Return what a kind of map does: ``rotation``, ``similarity`` or ``affine``."""
    axes = [f"_{axis}" for axis in AXES[:dims]]
    shifts = [f"shift{axis}" for axis in axes] if moves else []
    turns = ["rotation"] if dims == 2 else [f"rotation{axis}" for axis in axes]
    if kind == "rotation":
        return tuple(turns)
    if kind == "similarity":
        return (*shifts, *turns, "scale", "mirror")
    shears = ["shear"] if dims == 2 else [f"shear{axis}" for axis in axes]
    return (*shifts, *turns, *(f"scale{axis}" for axis in axes), *shears, "mirror")


class SpaceFamily(TransformationFamily):
    """A base: parameters are the coordinates of :class:`SpaceChart`."""

    dims: int

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """What each parameter does, see :class:`SpaceChart`."""

    @abstractmethod
    def points(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights ``(B, P)`` and positions ``(B, P, dims)`` that move with elements."""

    @property
    def group(self) -> SpaceGroup:
        connected = tuple(key for key in self.keys if key != "mirror")
        return SpaceGroup(self.dims, connected, "mirror" in self.keys)

    def chart(self) -> SpaceChart:
        return SpaceChart(self.parameters_of_eta, self.keys, self.dims)

    def frame(self, *, background: float | None = None, learned: bool = False) -> Frame:
        """Return the frame by moments; nothing of it is learned."""
        return MomentFrame(self.chart(), self.points)

    @without_autocast
    def element(self, eta: Tensor) -> Tensor:
        self.check_eta(eta)
        return self.chart().element(eta)

    @without_autocast
    def parameters(self, g: Tensor) -> Tensor:
        """Return coordinates, or NaN where ``g`` moves in ways that the family does not."""
        self.batch_of(g)
        eta = self.chart().coordinates(g)
        gap = (self.chart().element(eta) - g).abs().amax((-2, -1))
        member = gap <= 1e-4 * (1 + g.abs().amax((-2, -1)))
        return torch.where(member[..., None], eta, torch.nan)
