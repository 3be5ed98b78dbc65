"""Point clouds: points of the plane or of space, in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError, ShapeError
from eqsets.families.domains.advice import for_clouds
from eqsets.families.domains.domain import Domain
from eqsets.families.domains.encoders import DenseEncoder, PointEncoder
from eqsets.families.domains.recommend import Finding, Recommendation
from eqsets.families.domains.thumbnails import scatter

__all__ = ["Clouds"]

_DIMS = (2, 3)
_WAVES, _WIDTHS = 96, (0.35, 0.7, 1.4)  # wave vectors of a comparison; widths in radii
_WEIGHTS = (1.0, 0.618, 0.347)  # of the axes; no permutation or mirror preserves them


@dataclass(frozen=True)
class Clouds(Domain):
    """Point clouds ``(*batch, P, dims)``: as many points each, in any order.

    Arguments:
        dims: 2 or 3; ``None``: either.

    Raises:
        OptionError: ``dims`` is none of these.

    Example:
        >>> Clouds().sample(5).shape
        torch.Size([5, 24, 3])
        >>> Clouds(dims=2).reading((300, 64, 2))
        '300 point clouds of 64 points in 2 dimensions'
    """

    dims: int | None = None
    noun = "clouds"
    default_size = (24,)

    @property
    def layout(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("P", str(self.dims or "2 or 3"))

    def __post_init__(self) -> None:
        if self.dims not in (None, *_DIMS):
            raise OptionError(
                f"Clouds got dims={self.dims!r}, expected 2 or 3. Points of other dimensions are "
                'vectors: kind="vectors".'
            )

    def check(self, x: Tensor, owner: object = "") -> None:
        who = f"{owner} got" if str(owner) else "got"
        known = _DIMS if self.dims is None else (self.dims,)
        if x.dim() < 2 or x.shape[-1] not in known or x.shape[-2] == 0:
            raise ShapeError(
                f"{who} clouds of shape {tuple(x.shape)}, expected (*batch, P, "
                f"{' or '.join(map(str, known))}) with one point at least. Coordinates are the "
                "last axis: write x.transpose(-2, -1) if they are first."
            )
        if not x.is_floating_point():
            raise ShapeError(
                f"{who} clouds of {x.dtype}, expected floating point numbers. Write x.float()."
            )

    def size_of(self, x: Tensor) -> tuple[int, ...]:
        return (x.shape[-2],)

    def mask_shape(self, size: tuple[int, ...]) -> tuple[int, ...]:
        return (*size, 1)

    def reading(self, shape: tuple[int, ...]) -> str:
        if len(shape) != 3:
            return ""
        known = _DIMS if self.dims is None else (self.dims,)
        if shape[2] in known:
            return f"{shape[0]} point clouds of {shape[1]} points in {shape[2]} dimensions"
        if shape[1] in known:
            return (
                f"{shape[0]} point clouds of {shape[2]} points, coordinates first: transpose them"
            )
        return ""

    def sample(
        self,
        *batch: int,
        size: tuple[int, ...] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return skewed clouds, of another width along each axis, about the origin."""
        (points,) = self.default_size if size is None else size
        dims = self.dims or 3
        u = torch.randn(*batch, points, dims, generator=generator, dtype=torch.float64)
        widths = torch.tensor([1.0, 0.65, 0.4][:dims], dtype=torch.float64)
        return (u + 0.6 * (u.square() - 1)) * (0.4 * widths)

    def content(self, x: Tensor) -> Tensor:
        """Return the distance of each point from the origin, ``(*batch, P, 1)``."""
        distance: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return distance

    def asymmetry(self, x: Tensor) -> Tensor:
        """Return a third moment along an irregular direction, invariant under the order."""
        along = x @ x.new_tensor(_WEIGHTS[: x.shape[-1]])
        size = self.content(x)[..., 0].square().clamp_min(1e-12)
        return (along**3 / size).sum(-1)

    def standardise(self, x: Tensor) -> tuple[Tensor, str]:
        """Return clouds in units of their radius: root mean square about their own centroids."""
        away = x.double() - x.double().mean(-2, keepdim=True)
        size = float(away.square().sum(-1).mean().sqrt())
        return (x / size if size > 0 else x), f"1 = {size:.4g}, the root mean square radius"

    def blank(self, x: Tensor) -> Tensor:
        """Return which clouds are one point."""
        away = (x - x[..., :1, :]).abs().flatten(-2).amax(-1)
        return away <= 1e-6 * x.abs().flatten(-2).amax(-1)

    def comparison(self, references: Tensor) -> Callable[[Tensor], Tensor]:
        r"""Return waves averaged over the points, which no order of the points changes.

        .. math:: \varphi_k(x) = \frac{1}{P} \sum_p e^{i w_k \cdot x_p}

        with normal wave vectors of several widths, relative to the radius of the references: the
        distances are those of smoothed densities of points.

        References:
            Rahimi and Recht, *Random Features for Large-Scale Kernel Machines*, NeurIPS 2007.
        """
        away = references - references.mean(-2, keepdim=True)
        radius = away.square().sum(-1).mean(-1).sqrt().median().clamp_min(1e-12)
        generator = torch.Generator().manual_seed(0)
        drawn = torch.randn(references.shape[-1], _WAVES, generator=generator)
        widths = torch.tensor(_WIDTHS).repeat(_WAVES // len(_WIDTHS))
        waves = (drawn / widths).to(references) / radius

        def features(x: Tensor) -> Tensor:
            phase = x @ waves
            return torch.cat([phase.cos().mean(-2), phase.sin().mean(-2)], -1)

        return features

    def default_family(self, x: Tensor) -> tuple[Tensor, str]:
        """Return shifts, rotations, scale and mirror."""
        return x, "cloud-similarity" if x.shape[-1] == 3 else "cloud-similarity-2d"

    def recommend(self, findings: Sequence[Finding], shape: tuple[int, ...]) -> Recommendation:
        return for_clouds(findings, shape[-1])

    def thumbnail(self, x: Tensor) -> Tensor:
        return scatter(x)

    def encoder(
        self, shape: Sequence[int], out: int, *, dense: bool = False, dropout: float = 0.0
    ) -> nn.Module:
        """Return a network that is invariant under the order of the points, unless ``dense``."""
        return (DenseEncoder if dense else PointEncoder)(shape, out, dropout=dropout)

    def meet(self, other: Domain) -> Clouds:
        if isinstance(other, Clouds) and None in (self.dims, other.dims):
            return replace(self, dims=self.dims or other.dims)
        return super().meet(other)
