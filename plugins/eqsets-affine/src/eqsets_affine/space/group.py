"""Groups of affine maps in 1 to 3 dimensions, as homogeneous matrices."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from eqsets import Group
from eqsets.families import without_autocast

__all__ = ["AXES", "SpaceGroup", "tangents"]

AXES = "xyz"


def tangents(dims: int) -> dict[str, Tensor]:
    """Return the Lie algebra of affine maps: a matrix ``(dims + 1, dims + 1)`` for each name.

    Example:
        >>> sorted(tangents(2))[:3]
        ['rotation', 'scale', 'scale_x']
    """
    basis: dict[str, Tensor] = {}

    def entry(name: str, *entries: tuple[int, int, float]) -> None:
        basis[name] = torch.zeros(dims + 1, dims + 1, dtype=torch.float64)
        for row, column, value in entries:
            basis[name][row, column] = value

    names = [f"_{axis}" if dims > 1 else "" for axis in AXES[:dims]]
    for i, name in enumerate(names):
        entry(f"shift{name}", (i, dims, 1.0))
        entry(f"scale{name}", (i, i, 1.0))
    entry("scale", *((i, i, 1.0) for i in range(dims)))
    if dims == 2:
        entry("rotation", (1, 0, 1.0), (0, 1, -1.0))
        entry("shear", (0, 1, 1.0), (1, 0, 1.0))
    for i in range(3 if dims == 3 else 0):
        j, k = (i + 1) % 3, (i + 2) % 3
        entry(f"rotation_{AXES[i]}", (k, j, 1.0), (j, k, -1.0))
        entry(f"shear_{AXES[i]}", (k, j, 1.0), (j, k, 1.0))
    return basis


@dataclass(frozen=True)
class SpaceGroup(Group):
    r"""A group of affine maps as forward matrices ``(*batch, dims + 1, dims + 1)``.

    Arguments:
        dims: of the space, 1 to 3.
        algebra: names of the generators that span its Lie algebra, of :func:`tangents`.
        mirrors: whether it has the mirror of the first axis.

    Example:
        >>> group = SpaceGroup(3, ("rotation_z",))
        >>> turn = group.exp(torch.pi / 2 * group.lie_algebra()[0])
        >>> (turn @ torch.tensor([1.0, 0, 0, 1]).double()).round().tolist()
        [0.0, 1.0, 0.0, 1.0]
    """

    dims: int
    algebra: tuple[str, ...]
    mirrors: bool = False
    dtype = torch.float64

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.dims + 1, self.dims + 1)

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        one = torch.eye(self.dims + 1, dtype=dtype or self.dtype, device=device)
        return one.expand(*batch, *one.shape).clone()

    @without_autocast
    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g @ h

    @without_autocast
    def inverse(self, g: Tensor) -> Tensor:
        back: Tensor = torch.linalg.inv(g)
        return back

    def generators(self) -> Tensor:
        mirror = self.identity(1)
        mirror[0, 0, 0] = -1.0
        return mirror if self.mirrors else mirror[:0]

    def lie_algebra(self) -> Tensor:
        known = tangents(self.dims)
        return torch.stack([known[name] for name in self.algebra])

    @without_autocast
    def exp(self, tangent: Tensor) -> Tensor:
        g: Tensor = torch.linalg.matrix_exp(tangent)
        return g

    @without_autocast
    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return exponentials of normal tangents, mirrored or not, if there are mirrors."""
        count = prod(batch)
        weights = torch.randn(count, len(self.algebra), generator=generator, dtype=self.dtype)
        g = self.exp(torch.einsum("bk,kij->bij", 0.5 * weights, self.lie_algebra()))
        if self.mirrors:
            mirrored = torch.randint(2, (count,), generator=generator).bool()
            g = torch.where(mirrored[:, None, None], g @ self.generators()[0], g)
        return g.reshape(*batch, *self.element_shape)
