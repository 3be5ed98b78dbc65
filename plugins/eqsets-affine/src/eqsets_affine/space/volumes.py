"""Affine maps of volumes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import OptionError
from eqsets.families import Parameter, Volumes, without_autocast
from eqsets_affine.space.family import SpaceFamily, keys_of, parameters_for
from eqsets_affine.space.grids import coverage, half_lengths, interpolate, sources

__all__ = ["VolumeFamily"]

_KINDS = ("rotation", "similarity", "affine")


@dataclass(frozen=True)
class VolumeFamily(SpaceFamily):
    r"""Affine maps of the grid of volumes: content moves by the group element.

    Positions are counted from the middle, in half lengths of the longest axis; voxels are cubes. x
    is along the last axis, z along the first. Rotations are :math:`R_z R_y R_x`; positive scales
    enlarge; the mirror is that of x, and acts first.

    Arguments:
        kind: ``"rotation"`` (about the middle), ``"similarity"`` (shifts, rotations, one scale,
            mirror) or ``"affine"`` (a scale for each axis, and shears, as well).

    Raises:
        OptionError: there is no such kind.

    Example:
        >>> family, x = VolumeFamily("rotation"), torch.zeros(1, 3, 3, 3)
        >>> x[0, 1, 1, 2] = 1.0  # on the x axis
        >>> quarter = family.element(torch.tensor([0.0, 0.0, torch.pi / 2]))
        >>> family.act(quarter, x)[0].round().nonzero().tolist()  # on the y axis
        [[1, 2, 1]]
    """

    kind: str = "similarity"
    dims = 3
    tolerance = 0.03
    domain = Volumes()

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise OptionError(
                f"VolumeFamily got kind={self.kind!r}, expected one of {', '.join(_KINDS)}. "
                "Correct the spelling."
            )

    @property
    def keys(self) -> tuple[str, ...]:
        return keys_of(self.kind, 3)

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return parameters_for(self.keys, 3, "half frames")

    @without_autocast
    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = 0.0) -> Tensor:
        self.check(x, order)
        batch = self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)
        size = self.domain.size_of(x)
        at = sources(g.to(x.device, wide), size)
        at = at.expand(*batch, *at.shape[-2:]).reshape(-1, *at.shape[-2:])
        flat = x.to(wide).expand(*batch, *x.shape[-4:]).reshape(-1, *x.shape[-4:])
        seen = coverage(at, size)[:, None]
        moved = fill + seen * (interpolate(flat, at, order) - fill)
        return moved.reshape(*batch, *x.shape[-4:]).to(x.dtype)

    @without_autocast
    def validity(self, g: Tensor, x_or_size: Tensor | tuple[int, ...]) -> Tensor:
        size = self.size_of(x_or_size)
        like = x_or_size if isinstance(x_or_size, Tensor) else g
        wide = torch.promote_types(like.dtype, torch.float32)
        seen = coverage(sources(g.to(like.device, wide), size), size)
        return seen.reshape(*self.batch_of(g), 1, *size).to(like.dtype)

    def points(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the content of voxels, and their positions."""
        size = self.domain.size_of(x)
        axes = [torch.arange(n, dtype=x.dtype, device=x.device) - (n - 1) / 2 for n in size]
        away = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1).reshape(-1, 3)
        positions = away / half_lengths(size)
        return self.domain.content(x).flatten(1), positions.expand(len(x), -1, -1)
