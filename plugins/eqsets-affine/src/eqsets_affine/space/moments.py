r"""The canonical frame of weighted points: centroid, radius or covariance, axes, mirror.

Signals, clouds and volumes are weighted points here: slopes at their times, points, content at
voxels. The axes are those of the covariance or, where scales and shear are undone as well, of the
fourth moments; third moments give their signs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from eqsets.families import Frame, Pose, at_least_float32, without_autocast
from eqsets_affine.space.chart import SpaceChart
from eqsets_affine.space.signs import Signs

__all__ = ["MomentFrame"]

Points = Callable[[Tensor], tuple[Tensor, Tensor]]

_TINY = 1e-12


class MomentFrame(Frame):
    r"""Moments of weighted points as one forward matrix.

    Exact where the weights move with the points, and where the moments distinguish the axes: the
    confidence is the smallest relative gap of variances and the smallest third moment.

    Arguments:
        chart: of the group; its ``keys`` say which moments are used.
        points: from elements ``(B, *element)`` to weights ``(B, P)`` and positions ``(B, P, d)``.
    """

    radius: Tensor
    turn: Tensor

    def __init__(self, chart: SpaceChart, points: Points) -> None:
        super().__init__()
        self.chart, self.points = chart, points
        keys = chart.keys
        self.moves = any(key.startswith("shift") for key in keys)
        self.turns = any(key.startswith("rotation") for key in keys)
        self.mirrors = "mirror" in keys
        self.stretches = sum(key.startswith(("scale", "shear")) for key in keys)
        self.register_buffer("radius", torch.tensor(1.0))
        self.register_buffer("turn", torch.eye(chart.dims))
        self.signs = Signs(chart.dims, mirrors=self.mirrors)

    @without_autocast
    @torch.no_grad()
    def forward(self, x: Tensor) -> Pose:
        x = at_least_float32(x)
        g, confidence, _ = self._measure(x)
        return Pose(g, confidence)

    def calibrate(self, x: Tensor) -> None:
        """Take the median radius and the mean rotation as canonical."""
        with torch.no_grad():
            self.radius.fill_(1.0)
            self.turn.copy_(torch.eye(self.chart.dims))
            x = at_least_float32(x)
            if self.turns or self.mirrors:
                self.signs.templates.fill_(torch.inf)
                weights, inner = self._canonical(x)
                self.signs.learn(self.signs.moments(weights, inner))
            g, _, radius = self._measure(x)
            self.radius.fill_(float(radius.median()))
            if self.turns:
                linear = g[:, :-1, :-1].double()
                proper = linear[torch.linalg.det(linear) > 0]
                if not len(proper):
                    return
                left, _, right = torch.linalg.svd(proper.mean(0).mT)
                if float(torch.linalg.det(left @ right)) > 0:
                    self.turn.copy_((left @ right).to(self.turn))

    def _canonical(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights, and points in the canonical frame."""
        weights, positions = self.points(x)
        weights = weights / weights.sum(-1, keepdim=True).clamp_min(_TINY)
        back = torch.linalg.inv(self._measure(x)[0])
        return weights, positions @ back[:, :-1, :-1].mT + back[:, None, :-1, -1]

    def _measure(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return poses, confidences and radii."""
        weights, positions = self.points(x)
        total = weights.sum(-1, keepdim=True)
        blank = total[..., 0] <= _TINY
        even = torch.full_like(weights, 1 / weights.shape[-1])
        weights = torch.where(blank[:, None], even, weights / total.clamp_min(_TINY))
        centre = (weights[..., None] * positions).sum(-2)
        centre = torch.where(blank[:, None] | (not self.moves), 0.0, centre)
        offsets = positions - centre[:, None]
        moment = torch.einsum("bp,bpi,bpj->bij", weights, offsets, offsets)
        radius = moment.diagonal(dim1=-2, dim2=-1).sum(-1).sqrt()
        blank = blank | (radius <= 1e-9)
        one = torch.eye(self.chart.dims, dtype=x.dtype, device=x.device)
        stretch = torch.where(blank[:, None, None], one, self._stretch(moment, radius))
        inner = torch.einsum("bij,bpj->bpi", torch.linalg.inv(stretch), offsets)
        axes, sure = self._axes(weights, inner)
        axes = torch.where(blank[:, None, None], one, axes)
        upper = torch.cat([stretch @ axes, centre[..., None]], -1)
        last = torch.zeros_like(upper[:, :1])
        last[..., -1] = 1.0
        return torch.cat([upper, last], -2), torch.where(blank, 0.0, sure).clamp(0, 1), radius

    def _stretch(self, moment: Tensor, radius: Tensor) -> Tensor:
        """Return the symmetric part ``(B, d, d)``: of one scale, of all, or none."""
        one = torch.eye(self.chart.dims, dtype=moment.dtype, device=moment.device)
        if self.stretches > 1:
            root = _root(moment + _TINY * one)
            whole: Tensor = root * (self.chart.dims**0.5 / self.radius.to(moment))
            return whole
        size = radius / self.radius.to(moment) if self.stretches else torch.ones_like(radius)
        scaled: Tensor = size[:, None, None] * one
        return scaled

    def _axes(self, weights: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        """Return orthogonal matrices ``(B, d, d)`` and confidences."""
        one = torch.eye(self.chart.dims, dtype=weights.dtype, device=weights.device)
        axes, sure = one.expand(len(weights), -1, -1), torch.ones_like(weights[:, 0])
        if not (self.turns or self.mirrors):
            return axes, sure
        if self.turns:
            size = inner.square().sum(-1)
            power = weights * size if self.stretches > 1 else weights
            moment = torch.einsum("bp,bpi,bpj->bij", power, inner, inner)
            values, vectors = torch.linalg.eigh(moment)
            values, axes = values.flip(-1), vectors.flip(-1)
            if not self.mirrors:
                axes = axes * _first(torch.linalg.det(axes).sign(), self.chart.dims)[:, None]
            total = values.sum(-1, keepdim=True).clamp_min(_TINY)
            sure = ((values[:, :-1] - values[:, 1:]) / total).amin(-1)
        along = torch.einsum("bpi,bij->bpj", inner, axes)
        if self.signs.known:
            sign, lead = self.signs(self.signs.moments(weights, along))
            if not self.turns:
                sign = _first(sign[:, 0], self.chart.dims)
        else:
            sign, lead = self._skew_signs(weights, along)
        return axes * sign[:, None, :] @ self.turn.to(axes), torch.minimum(sure, lead)

    def _skew_signs(self, weights: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
        """Return signs that make third moments positive, and how far they are from zero."""
        cubic = torch.einsum("bp,bp->b", weights, along.norm(dim=-1) ** 3).clamp_min(_TINY)
        skew = torch.einsum("bp,bpj->bj", weights, along**3) / cubic[:, None]
        sign = torch.where(skew < 0, -1.0, 1.0).to(skew)
        if not self.turns:  # a mirror of the first axis alone
            return _first(sign[:, 0], self.chart.dims), skew[:, 0].abs()
        strength = skew.abs()
        if not self.mirrors:  # the weakest sign makes a rotation of it
            weak = strength.argmin(-1, keepdim=True)
            wrong = sign.prod(-1, keepdim=True)
            sign = sign.scatter(-1, weak, sign.gather(-1, weak) * wrong)
            strength = strength.scatter(-1, weak, torch.inf)
        return sign, strength.amin(-1)


def _first(sign: Tensor, dims: int) -> Tensor:
    """Return ``(B, dims)``: a sign for the first axis, 1 for the others."""
    return torch.stack([sign, *[torch.ones_like(sign)] * (dims - 1)], -1)


def _root(moment: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(moment)
    root: Tensor = (vectors * values.clamp_min(_TINY).sqrt()[..., None, :]) @ vectors.mT
    return root
