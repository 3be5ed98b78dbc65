"""The closed-form frame of translations, rotations, similarities and affine maps."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization import moments
from eqsets.generative.canonicalization.pose import Frame, Pose

__all__ = ["SpatialFrame"]

_BLANK = 1e-3  # mean intensity, of 2
_RING_OF_ROTATIONS = 0.4  # a "standard deviation" where the width is not measured
_ROUND = 1e-9  # third moment, in units of the width cubed, that counts as none


class SpatialFrame(Frame):
    r"""Centroid, width and direction of the intensities as one forward matrix.

    .. math:: F(x) = \begin{pmatrix} \Sigma^{1/2} R(\angle d) / r & c \\ 0 & 1 \end{pmatrix}

    with the moments of :mod:`eqsets.generative.canonicalization.moments`. ``r`` is the width that a
    canonical image has. Families with fewer parameters use fewer moments: a similarity replaces
    :math:`\Sigma` by a multiple of the identity, a translation needs the centroid alone, a rotation
    measures the third moment about the middle of the image.

    Nothing is learned; exact for band-limited content that stays inside of the frame. What it
    cannot know: images that are symmetric themselves have no third moment, so their direction is
    an accident (``clarity`` is near 0), and content cut off at the border moves all moments.

    Arguments:
        family: an affine family.
        background: intensity that counts as nothing; only what is brighter has weight.
    """

    radius: Tensor
    background: Tensor

    def __init__(self, family: TransformationFamily, background: float = -1.0) -> None:
        super().__init__()
        names = set(family.names)
        self.moves = "shift_x" in names
        self.turns = "rotation" in names
        self.widths = 2 if "scale_x" in names else int("scale" in names)
        self.square_pixels = getattr(family, "coordinates", "frame") == "pixels"
        self.register_buffer("radius", torch.tensor(0.35))
        self.register_buffer("background", torch.tensor(background))

    def forward(self, x: Tensor) -> Pose:
        upright, weights, offsets, blank = self.upright(x)
        if not self.turns:
            return Pose(upright, (~blank).to(x.dtype))
        direction = moments.skew(weights, offsets)
        size = direction.norm(dim=-1)
        scale = (weights * offsets.norm(dim=-1) ** 3).sum(-1)
        clarity = torch.where(blank, 0.0, size / (scale + 1e-12)).clamp(max=1.0)
        unclear = (blank | (size <= _ROUND * scale))[..., None]
        direction = torch.where(unclear, direction.new_tensor([1.0, 0.0]), direction)
        return Pose(upright @ turn(direction), clarity)

    def upright(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return everything but the direction.

        Returns:
            Matrices ``(B, 3, 3)`` of shift and scale, forward; weights of the pixels ``(B, P)``;
            their places with both undone ``(B, P, 2)``; which images are blank ``(B)``.
        """
        weights = moments.intensity(x, self.background.to(x.dtype))
        total = weights.sum(-1, keepdim=True)
        blank = total[..., 0] <= _BLANK * weights.shape[-1]
        even = torch.full_like(weights, 1 / weights.shape[-1])
        weights = torch.where(blank[..., None], even, weights / total.clamp_min(1e-12))
        places = self._places(x)
        middle = torch.zeros_like(weights[..., :2])
        centre = moments.centroid(weights, places) if self.moves else middle
        centre = torch.where(blank[..., None], middle, centre)
        offsets = places - centre[..., None, :]
        spread = moments.covariance(weights, offsets)
        one = torch.eye(2, dtype=x.dtype, device=x.device)
        if self.widths < 2:
            spread = one * spread.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
        radius = self.radius.to(x.dtype)
        linear = moments.root(spread) / radius if self.widths else one.expand_as(spread)
        linear = torch.where(blank[..., None, None], one, linear)
        undone = offsets @ moments.inverse_root(spread) if self.widths else offsets
        return _homogeneous(linear, centre), weights, undone, blank

    def calibrate(self, images: Tensor) -> None:
        """Make canonical images as wide as the median of ``images`` is."""
        weights = moments.intensity(images, self.background.to(images.dtype))
        lit = weights.sum(-1) > _BLANK * weights.shape[-1]
        if not self.widths or not bool(lit.any()):
            return
        weights = weights[lit] / weights[lit].sum(-1, keepdim=True)
        places = self._places(images)
        offsets = places - moments.centroid(weights, places)[..., None, :]
        spread = moments.covariance(weights, offsets)
        if self.widths == 1:
            width = spread.diagonal(dim1=-2, dim2=-1).mean(-1).sqrt()
        else:
            width = torch.linalg.det(spread).clamp_min(1e-12) ** 0.25
        self.radius.copy_(width.median())

    def ring_places(self, upright: Tensor) -> tuple[Tensor, Tensor]:
        """Return what takes standard deviations to places: matrices and centres."""
        unit = self.radius.to(upright.dtype) if self.widths else _RING_OF_ROTATIONS
        return upright[..., :2, :2] * unit, upright[..., :2, 2]

    def aspect(self, x: Tensor) -> Tensor:
        """Return the place of the corner pixel, ``(2,)``: ones unless pixels are square."""
        height, width = x.shape[-2:]
        longest = max(height, width, 2) - 1
        sides = (width - 1, height - 1) if self.square_pixels else (longest, longest)
        return x.new_tensor([max(side, 1) / longest for side in sides])

    def _places(self, x: Tensor) -> Tensor:
        return moments.grid(*x.shape[-2:], like=x) * self.aspect(x)


def turn(direction: Tensor) -> Tensor:
    """Return the matrices ``(*batch, 3, 3)`` that turn the x axis to directions ``(*batch, 2)``."""
    c, s = (direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-30)).unbind(-1)
    linear = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
    return _homogeneous(linear, torch.zeros_like(direction))


def _homogeneous(linear: Tensor, shift: Tensor) -> Tensor:
    top = torch.cat([linear, shift[..., None]], -1)
    last = top.new_tensor([0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 3)
    return torch.cat([top, last], -2)
