r"""Learned canonical poses: a small network says how an input is turned (Kaba et al., ICML 2023).

A prior keeps the poses of the training data at the identity, so that a network that was trained
on upright data sees upright data (Mondal et al., NeurIPS 2023).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.symmetrize.poses import LearnedPoses, Weighted

__all__ = ["LearnedFinitePose", "LearnedRotation", "PooledScores", "WeightedVectors"]

_WIDTH, _POOLED = 32, 8


class LearnedFinitePose(LearnedPoses):
    r"""The group element at which a network of scores is largest.

    .. math:: g(x) = \arg\max_g \sum_i s(g^{-1} x_i)

    While training the gradient is that of the softmax of the scores.

    Arguments:
        group: a finite group.
        scores: module ``(E, *element) -> (E, 1)``.
    """

    one_input = True
    elements: Tensor

    def __init__(self, group: Group, scores: nn.Module) -> None:
        super().__init__()
        self.group, self.scores = group, scores
        self.register_buffer("elements", group.elements(), persistent=False)

    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        scores = self._scores(in_type, x)
        best = scores.argmax(0, keepdim=True)
        if not torch.is_grad_enabled():
            return Weighted(self.elements[best], torch.ones_like(scores[:1]))
        soft = scores.softmax(0)
        hard = torch.zeros_like(soft).scatter(0, best, 1.0)
        return Weighted(self.elements[:, None], hard + soft - soft.detach())

    def prior_loss(self, in_type: FeatureType, x: Tensor) -> Tensor:
        """Return the cross entropy of the poses to the identity, which is listed first."""
        return -self._scores(in_type, x).log_softmax(0)[0].mean()

    def _scores(self, in_type: FeatureType, x: Tensor) -> Tensor:
        inverses = self.group.inverse(self.elements)[:, None, None]
        moved = in_type.transform(inverses, x[None])
        scores: Tensor = self.scores(moved.flatten(0, 2))
        if scores.shape != (len(moved.flatten(0, 2)), 1):
            raise ShapeError(
                f"the network of scores returned {tuple(scores.shape)} for "
                f"{len(moved.flatten(0, 2))} elements, expected one score for each, (E, 1)."
            )
        return scores.reshape(moved.shape[:3]).mean(2)

    def extra_repr(self) -> str:
        return f"one of {len(self.elements)} group elements"


class LearnedRotation(LearnedPoses):
    r"""The orthonormal system of learned vectors, by the method of Gram and Schmidt.

    Arguments:
        vectors: module ``(E, *element) -> (E, r, d)`` with ``r >= d - 1`` vectors for rotations,
            ``r >= d`` where reflections are in the group.
        dimension: ``d``.
        special: whether only rotations are in the group.
    """

    def __init__(self, vectors: nn.Module, dimension: int, *, special: bool) -> None:
        super().__init__()
        self.vectors, self.dimension, self.special = vectors, dimension, special

    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        v: Tensor = self.vectors(x.flatten(0, 1))
        needed = self.dimension - self.special
        if v.dim() != 3 or v.shape[1] < needed or v.shape[2] != self.dimension:
            raise ShapeError(
                f"the pose got vectors of shape {tuple(v.shape)}, expected (E, r, "
                f"{self.dimension}) with r of at least {needed}. Add vectors to the input."
            )
        mean: Tensor = v[:, :needed].unflatten(0, x.shape[:2]).mean(1)
        return Weighted(self._system(mean)[None], torch.ones_like(mean[None, :, 0, 0]))

    def _system(self, v: Tensor) -> Tensor:
        axes: list[Tensor] = []
        for vector in v.unbind(1):
            for axis in axes:
                vector = vector - (vector * axis).sum(-1, keepdim=True) * axis
            axes.append(F.normalize(vector, dim=-1))
        if self.special:
            axes.append(_complement(torch.stack(axes, -1)))
        return torch.stack(axes, -1)

    def prior_loss(self, in_type: FeatureType, x: Tensor) -> Tensor:
        """Return the mean squared distance of the poses from the identity."""
        g = self(in_type, x).elements
        eye = torch.eye(self.dimension, dtype=g.dtype, device=g.device)
        loss: Tensor = (g - eye).square().sum((-2, -1)).mean()
        return loss


def _complement(axes: Tensor) -> Tensor:
    """Return the unit vector that completes ``(B, d, d - 1)`` to a system of determinant one."""
    size = axes.shape[-2]
    minors = [
        (-1) ** (row + size - 1)
        * torch.linalg.det(torch.cat([axes[:, :row], axes[:, row + 1 :]], 1))
        for row in range(size)
    ]
    complement: Tensor = torch.stack(minors, -1)
    return complement


class WeightedVectors(nn.Module):
    r"""Sums of the vectors of an element, with learned weights.

    .. math:: u_r = \frac1K \sum_k \big(w_{r c(k)} + a_r(\lVert v_k \rVert)\big)\, v_k

    with the channel :math:`c(k)` of a vector and a small network :math:`a`.

    Arguments:
        vectors: module ``(E, *element) -> (E, K, d)``; its attribute ``channels`` says how many
            channels there are, the fast index of ``K``.
        count: number of sums.
    """

    def __init__(self, vectors: nn.Module, count: int) -> None:
        super().__init__()
        self.vectors = vectors
        channels: int = vectors.channels  # type: ignore[assignment]
        self.by_channel = nn.Parameter(torch.randn(count, channels))
        self.by_length = nn.Sequential(nn.Linear(1, _WIDTH), nn.Tanh(), nn.Linear(_WIDTH, count))

    def forward(self, x: Tensor) -> Tensor:
        v = self.vectors(x)
        lengths = torch.linalg.vector_norm(v, dim=-1, keepdim=True)
        points = v.shape[1] // self.by_channel.shape[1]
        weights: Tensor = self.by_channel.repeat(1, points) + self.by_length(lengths).mT
        sums: Tensor = weights @ v / v.shape[1]
        return sums


class PooledScores(nn.Module):
    """One score of each element: a small network on its components, grids pooled to 8 per axis.

    Raises:
        FeatureTypeError: elements have open axes that are not those of a grid after the channels.
    """

    def __init__(self, in_type: FeatureType) -> None:
        super().__init__()
        layout = in_type.layout
        self.grid = sum(isinstance(size, str) for size in layout)
        fixed = [size for size in layout if isinstance(size, int)]
        if self.grid and (in_type.channel_axis != -1 - self.grid or self.grid > 3):
            raise FeatureTypeError(
                f"no network of scores is known for elements {in_type.describe()} of {in_type!r}, "
                "expected a fixed size, or channels and a grid. Give one as pose=, a module "
                "(E, *element) -> (E, 1)."
            )
        width = math.prod(fixed) * _POOLED**self.grid
        self.layers = nn.Sequential(nn.Linear(width, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.grid:
            pool = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
            x = pool[self.grid - 1](x, _POOLED)
        y: Tensor = self.layers(x.flatten(1))
        return y
