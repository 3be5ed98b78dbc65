"""Affine maps of point clouds, and permutations of their axes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from eqsets import OptionError, TransformationFamily
from eqsets.families import Clouds, Parameter, without_autocast
from eqsets.groups import SymmetricGroup
from eqsets_affine.space.family import SpaceFamily, keys_of, parameters_for

__all__ = ["AxisPermutations", "CloudFamily"]

_KINDS = ("rotation", "similarity", "affine")


@dataclass(frozen=True)
class CloudFamily(SpaceFamily):
    r"""Affine maps of the positions, :math:`x_p \mapsto L x_p + t`, exact.

    Rotations of space are :math:`R_z R_y R_x`, counter-clockwise; positive scales enlarge; the
    mirror is that of the first axis, and acts first.

    Arguments:
        kind: ``"rotation"`` (about the origin), ``"similarity"`` (shifts, rotations, one scale,
            mirror) or ``"affine"`` (a scale for each axis, and shears, as well).
        dims: 2 or 3.

    Raises:
        OptionError: an argument is none of these.

    Example:
        >>> family = CloudFamily("rotation")
        >>> family.names
        ('rotation_x', 'rotation_y', 'rotation_z')
        >>> quarter = family.element(torch.tensor([0.0, 0.0, torch.pi / 2]))
        >>> family.act(quarter, torch.tensor([[1.0, 0.0, 0.0]])).round()
        tensor([[-0., 1., 0.]])
    """

    kind: str = "similarity"
    dims: int = 3

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or self.dims not in (2, 3):
            raise OptionError(
                f"CloudFamily got kind={self.kind!r} and dims={self.dims!r}, expected one of "
                f"{', '.join(_KINDS)}, and 2 or 3. Correct them."
            )

    @property
    def domain(self) -> Clouds:
        return Clouds(self.dims)

    @property
    def keys(self) -> tuple[str, ...]:
        return keys_of(self.kind, self.dims)

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return parameters_for(self.keys, self.dims, "radii")

    @without_autocast
    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        """Return the moved points; ``order`` does not matter: nothing is interpolated."""
        self.check(x, order)
        self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)
        g = g.to(x.device, wide)
        moved = x.to(wide) @ g[..., :-1, :-1].mT + g[..., None, :-1, -1]
        return moved.to(x.dtype)

    def points(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return equal weights and the points."""
        return torch.ones_like(x[..., 0]), x

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return any elements: all are exact."""
        eta = self.sample(*batch, generator=generator, dtype=torch.float64)
        return self.element(eta)


@dataclass(frozen=True)
class AxisPermutations(TransformationFamily):
    """Exchanges of the axes of clouds: for coordinates whose names say nothing.

    Arguments:
        dims: 2 or 3: 2 or 6 elements.

    Example:
        >>> family = AxisPermutations(dims=2)
        >>> family.act(family.element(torch.tensor([1.0])), torch.tensor([[1.0, 2.0]]))
        tensor([[2., 1.]])
    """

    dims: int = 3

    @property
    def domain(self) -> Clouds:
        return Clouds(self.dims)

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (Parameter.discrete("axes", "permutations", len(self._listed)),)

    @property
    def group(self) -> SymmetricGroup:
        return SymmetricGroup(self.dims)

    @property
    def _listed(self) -> list[Any]:
        return list(permutations(range(self.dims)))

    def element(self, eta: Tensor) -> Tensor:
        listed = torch.tensor(self._listed, dtype=self.group.dtype, device=eta.device)
        return listed[self.wrap(eta)[..., 0].long()]

    def parameters(self, g: Tensor) -> Tensor:
        self.batch_of(g)
        listed = torch.tensor(self._listed, dtype=g.dtype, device=g.device)
        same = (g[..., None, :] == listed).all(-1)
        return (
            same.to(torch.get_default_dtype())
            .argmax(-1, keepdim=True)
            .to(torch.get_default_dtype())
        )

    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        """Return points whose coordinate ``i`` has become coordinate ``g[i]``."""
        self.check(x, order)
        batch = self.batch_with(g, x)
        source = g.to(x.device).argsort(-1)[..., None, :]
        source = source.expand(*batch, x.shape[-2], self.dims)
        return torch.gather(x.expand(*batch, *x.shape[-2:]), -1, source)

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor:
        return self.group.sample(*batch, generator=generator)
