"""Feature fields on images: how a rotation or reflection moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import accumulate
from math import gcd

import torch
from torch import Tensor

from eqsets import (
    ElementSymmetry,
    FeatureType,
    FeatureTypeError,
    Group,
    ShapeError,
    element_group,
)
from eqsets_planar.fields.parsing import Blocks
from eqsets_planar.point_group import PointGroup, Pose
from eqsets_planar.rotation import transform_image

__all__ = ["PlanarFields"]


@dataclass(frozen=True, repr=False)
class PlanarFields(FeatureType):
    r"""Fields on an image ``(C, H, W)``: pixels move, and the components of each field turn.

    .. math:: (g \cdot x)(p) = \rho(g) \, x(g^{-1} p)

    Channels lie block by block, each block field by field, as escnn lays them out. ``channels``
    counts copies of the whole: ``"8 trivial + 4 irrep(1)"`` is 4 copies of two scalars and a
    vector, so it can be halved, and concatenated block by block.

    Quarter turns and reflections are exact; other angles are interpolated, for smooth content that
    is still at the border, and that is what :meth:`sample` then draws.

    Arguments:
        points: the point group.
        blocks: (count, representation), in the order of the channels.
        grid: side of the images that :meth:`sample` draws, or ``None`` for small ones; does not
            count for equality.

    Example:
        >>> from eqsets import element_group
        >>> photo = element_group("planar", rotations=4).feature_type(1)
        >>> photo.transform(torch.tensor(1), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[2., 4.],
                 [1., 3.]]])
    """

    points: PointGroup
    blocks: Blocks
    grid: int | None = field(default=None, compare=False)

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.points.group

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return all(representation.pointwise for _, representation in self.blocks)

    @property
    def channel_axis(self) -> int | None:  # type: ignore[override]
        scalar = all(representation.size(self.points) == 1 for _, representation in self.blocks)
        return -3 if scalar and len(self.blocks) == 1 else None

    @property
    def size(self) -> int:
        """Number of channels ``C`` of the tensor."""
        return sum(count * r.size(self.points) for count, r in self.blocks)

    @property
    def fields(self) -> int:
        """Number of fields of all blocks."""
        return sum(count for count, _ in self.blocks)

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (self.size, "H", "W")

    @property
    def channels(self) -> int:
        return reduce(gcd, (count for count, _ in self.blocks))

    def with_channels(self, channels: int) -> PlanarFields:
        """Return that many copies of the whole.

        Raises:
            FeatureTypeError: ``channels`` is no positive whole number.
        """
        if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
            raise FeatureTypeError(
                f"{self!r} cannot be given {channels!r} channels, expected a whole number of at "
                "least 1."
            )
        now = self.channels
        return replace(self, blocks=tuple((n // now * channels, r) for n, r in self.blocks))

    def slices(self) -> list[slice]:
        """Return where the channels of each block are."""
        sizes = [count * r.size(self.points) for count, r in self.blocks]
        return [slice(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True)]

    def split(self, x: Tensor) -> list[Tensor]:
        """Return ``x: (..., C, H, W)`` as one ``(..., count, d, H, W)`` for each block.

        Raises:
            ShapeError: ``x`` has another number of channels.
        """
        if x.dim() < 3 or x.shape[-3] != self.size:
            raise ShapeError(
                f"fields {self} got features of shape {tuple(x.shape)}, expected "
                f"(..., {self.size}, H, W). Declare the type of x, or reshape it."
            )
        return [
            x[..., channels, :, :].unflatten(-3, (count, r.size(self.points)))
            for channels, (count, r) in zip(self.slices(), self.blocks, strict=True)
        ]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Undo :meth:`split`."""
        return torch.cat([part.flatten(-4, -3) for part in parts], -3)

    def concatenate(self, parts: Sequence[Tensor]) -> Tensor:
        """Return features of this type from features of types that together have its channels."""
        shares = [self.with_channels(self._share(part)).split(part) for part in parts]
        return self.join([torch.cat(blocks, -4) for blocks in zip(*shares, strict=True)])

    def _share(self, part: Tensor) -> int:
        one = self.with_channels(1).size
        return part.shape[-3] // one

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        """Return ``g: (*batch, *element_shape)`` acting on ``x: (*batch, C, H, W)``.

        Raises:
            ShapeError: ``g`` is of another group, or turns an image that is not square.
        """
        pose = self.points.pose(g)
        batch = torch.broadcast_shapes(pose.turn.shape, x.shape[:-3])
        rows = x.expand(*batch, *x.shape[-3:]).reshape(-1, *x.shape[-3:])
        pose = Pose(*(part.expand(batch).reshape(-1) for part in (pose.step, pose.turn, pose.flip)))
        keys = torch.stack([pose.turn, pose.flip.double()], -1)
        moves, which = keys.unique(dim=0, return_inverse=True)
        moved = torch.zeros_like(rows)
        for number, (turn, flip) in enumerate(moves.tolist()):
            chosen = (which == number).nonzero()[:, 0].to(x.device)
            moved = moved.index_copy(0, chosen, transform_image(rows[chosen], turn, bool(flip)))
        parts = [
            torch.einsum("bij,bcjhw->bcihw", r.matrix(self.points, pose).to(part), part)
            for part, (_, r) in zip(self.split(moved), self.blocks, strict=True)
        ]
        return self.join(parts).reshape(*batch, *x.shape[-3:])

    def with_sizes(self, *sizes: int) -> PlanarFields:
        if len(set(sizes)) != 1 or len(sizes) != 2:
            raise FeatureTypeError(f"{self} got the sizes {sizes} for samples, expected a square.")
        return replace(self, grid=sizes[0])

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return normal noise where all elements are exact, else smooth noise inside a disc."""
        side = self.grid or (9 if self.points.exact else 33)
        device = None if generator is None else generator.device
        shape = (*batch, self.size, side, side)
        noise = torch.randn(shape, generator=generator, dtype=dtype, device=device)
        return noise if self.points.exact else _smooth(noise)

    @property
    def owner(self) -> ElementSymmetry:
        points = {"rotations": self.points.rotations, "reflections": self.points.reflections}
        # irreps name themselves, but continuous groups have to allow for their frequency
        highest = max(number for _, r in self.blocks for number in (3, *r.label[-1:]))
        more = {} if self.points.rotations or highest == 3 else {"max_frequency": highest}
        return element_group("planar", grid=self.grid, **points, **more)

    def __str__(self) -> str:
        return " + ".join(f"{count} {representation}" for count, representation in self.blocks)

    def __repr__(self) -> str:
        point = f"rotations={self.points.rotations}, reflections={self.points.reflections}"
        return f"element_group('planar', {point}).feature_type('{self}')"


def _smooth(noise: Tensor) -> Tensor:
    """Return noise blurred by a Gaussian of three pixels, inside a disc."""
    side = noise.shape[-1]
    position = torch.arange(side, dtype=noise.dtype, device=noise.device)
    blur = torch.exp(-((position[:, None] - position) ** 2) / (2 * 3.0**2))
    centred = position - (side - 1) / 2
    radius = (centred[:, None] ** 2 + centred**2).sqrt()
    # almost still at the border; narrower, a ReLU would find too little to leave something of
    window = torch.exp(-((radius / (0.26 * side)) ** 4))
    smooth = blur @ noise @ blur * window
    return smooth * (smooth.square().mean((-3, -2, -1), keepdim=True) + 1e-30).rsqrt()
