"""The canonical frame of translations, rotations, similarities and affine maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eqsets.families import Frame, Images, Pose, at_least_float32, without_autocast
from eqsets_affine import moments
from eqsets_affine.direction import OrientationScores, PolarDirection

__all__ = ["AffineFrame"]

_BLANK = 1e-3  # mean content, of 2
_RING_OF_ROTATIONS = 0.4  # a "standard deviation" where the width is not measured
_ROUND = 1e-9  # third moment, in units of the width cubed, that counts as none
_IMAGES = Images()


class AffineFrame(Frame):
    r"""Centroid, width and direction of the content as one forward matrix.

    .. math:: F(x) = \begin{pmatrix} \Sigma^{1/2} R(\angle d) / r & c \\ 0 & 1 \end{pmatrix}

    with the moments of :mod:`eqsets_affine.moments`. ``r`` is the width that a canonical image
    has. Families with fewer parameters use fewer moments: a similarity replaces :math:`\Sigma` by a
    multiple of the identity, a translation needs the centroid alone, a rotation measures the third
    moment about the middle of the image.

    Exact for band-limited content that stays inside of the frame. What it cannot know: images that
    are symmetric themselves have no third moment, so their direction is arbitrary (the confidence
    is near 0), and content cut off at the border changes all moments.

    Arguments:
        names: of the parameters of the family.
        square_pixels: whether lengths are those of pixels also on images that are not square.
        background: value that counts as nothing; only what is brighter has weight.
        learned: whether a network chooses the direction instead of the third moment.
    """

    radius: Tensor
    background: Tensor

    def __init__(
        self,
        names: Sequence[str],
        *,
        square_pixels: bool = False,
        background: float,
        learned: bool = False,
    ) -> None:
        super().__init__()
        self.moves = "shift_x" in names
        self.turns = "rotation" in names
        self.widths = 2 if "scale_x" in names else int("scale" in names)
        self.square_pixels = square_pixels
        self.register_buffer("radius", torch.tensor(0.35))
        self.register_buffer("background", torch.tensor(background))
        self.polar = PolarDirection() if learned and self.turns else None

    @without_autocast
    def forward(self, x: Tensor) -> Pose:
        x = at_least_float32(x)
        if self.polar is None:
            return self.moments(x)[0]
        with torch.no_grad():
            pose, upright = self.moments(x)
            linear, centre = self.circles(upright)
            samples = self.polar.samples(self._content(x), linear, centre, self.corner(x))
        scores = self.polar(samples)
        angle = self.polar.direction(scores)
        direction = torch.stack([angle.cos(), angle.sin()], -1)
        extra = OrientationScores(samples, scores, upright)
        return Pose(upright @ turn(direction), pose.confidence, extra)

    def moments(self, x: Tensor) -> tuple[Pose, Tensor]:
        """Return the pose by moments, and everything of it but the direction ``(B, 3, 3)``."""
        upright, weights, offsets, blank = self.upright(x)
        if not self.turns:
            return Pose(upright, (~blank).to(x.dtype)), upright
        direction = moments.skew(weights, offsets)
        size = direction.norm(dim=-1)
        scale = (weights * offsets.norm(dim=-1) ** 3).sum(-1)
        confidence = torch.where(blank, 0.0, size / (scale + 1e-12)).clamp(max=1.0)
        undefined = (blank | (size <= _ROUND * scale))[..., None]
        direction = torch.where(undefined, direction.new_tensor([1.0, 0.0]), direction)
        return Pose(upright @ turn(direction), confidence), upright

    def upright(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return everything but the direction.

        Returns:
            Matrices ``(B, 3, 3)`` of shift and scale, forward; weights of the pixels ``(B, P)``;
            their positions with both undone ``(B, P, 2)``; which images are blank ``(B)``.
        """
        weights = self._content(x).flatten(-3)
        total = weights.sum(-1, keepdim=True)
        blank = total[..., 0] <= _BLANK * weights.shape[-1]
        even = torch.full_like(weights, 1 / weights.shape[-1])
        weights = torch.where(blank[..., None], even, weights / total.clamp_min(1e-12))
        positions = self._positions(x)
        middle = torch.zeros_like(weights[..., :2])
        centre = moments.centroid(weights, positions) if self.moves else middle
        centre = torch.where(blank[..., None], middle, centre)
        offsets = positions - centre[..., None, :]
        spread = moments.covariance(weights, offsets)
        one = torch.eye(2, dtype=x.dtype, device=x.device)
        if self.widths < 2:
            spread = one * spread.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
        radius = self.radius.to(x.dtype)
        linear = moments.root(spread) / radius if self.widths else one.expand_as(spread)
        linear = torch.where(blank[..., None, None], one, linear)
        undone = offsets @ moments.inverse_root(spread) if self.widths else offsets
        return _homogeneous(linear, centre), weights, undone, blank

    def calibrate(self, x: Tensor) -> None:
        """Make canonical images as wide as the median of images ``x`` is."""
        weights = self._content(x).flatten(-3)
        lit = weights.sum(-1) > _BLANK * weights.shape[-1]
        if not self.widths or not bool(lit.any()):
            return
        weights = weights[lit] / weights[lit].sum(-1, keepdim=True)
        positions = self._positions(x)
        offsets = positions - moments.centroid(weights, positions)[..., None, :]
        spread = moments.covariance(weights, offsets)
        if self.widths == 1:
            width = spread.diagonal(dim1=-2, dim2=-1).mean(-1).sqrt()
        else:
            width = torch.linalg.det(spread).clamp_min(1e-12) ** 0.25
        self.radius.copy_(width.median())

    @without_autocast
    def loss(self, pose: Pose, views: tuple[Tensor, Tensor]) -> Tensor | None:
        """Return the expected error in image space of the learned direction, if there is one."""
        if self.polar is None:
            return None
        known: OrientationScores = pose.extra
        upright = known.upright.chunk(2)
        with torch.no_grad():
            back = [torch.linalg.inv(r.to(known.upright.dtype)) for r in views]
            first, second = (b @ u for b, u in zip(back, upright, strict=True))
            ratio = torch.linalg.solve(first, second)
            turned = torch.atan2(ratio[:, 1, 0] - ratio[:, 0, 1], ratio[:, 0, 0] + ratio[:, 1, 1])
        one, other = known.scores.chunk(2)
        return self.polar.loss(known.samples.chunk(2)[0], (one, other), turned)

    def circles(self, upright: Tensor) -> tuple[Tensor, Tensor]:
        """Return what takes standard deviations to positions: matrices and centres."""
        unit = self.radius.to(upright.dtype) if self.widths else _RING_OF_ROTATIONS
        return upright[..., :2, :2] * unit, upright[..., :2, 2]

    def corner(self, x: Tensor) -> Tensor:
        """Return the position of the corner pixel, ``(2,)``: ones unless pixels are square."""
        height, width = x.shape[-2:]
        longest = max(height, width, 2) - 1
        sides = (width - 1, height - 1) if self.square_pixels else (longest, longest)
        return x.new_tensor([max(side, 1) / longest for side in sides])

    def _positions(self, x: Tensor) -> Tensor:
        return _IMAGES.positions(_IMAGES.size_of(x), like=x) * self.corner(x)

    def _content(self, x: Tensor) -> Tensor:
        """Return what rises above the background, ``(B, 1, H, W)``."""
        return (x.amax(-3, keepdim=True) - self.background.to(x.dtype)).clamp_min(0)


def turn(direction: Tensor) -> Tensor:
    """Return the matrices ``(*batch, 3, 3)`` that turn the x axis to directions ``(*batch, 2)``."""
    c, s = (direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-30)).unbind(-1)
    linear = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
    return _homogeneous(linear, torch.zeros_like(direction))


def _homogeneous(linear: Tensor, shift: Tensor) -> Tensor:
    top = torch.cat([linear, shift[..., None]], -1)
    last = top.new_tensor([0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 3)
    return torch.cat([top, last], -2)
