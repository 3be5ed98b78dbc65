r"""Frames: a few group elements that follow from the input (Puny et al., ICLR 2022).

.. math:: \mathcal F(h x) = h\, \mathcal F(x)

An average over a frame is exactly equivariant, and costs as many evaluations as the frame has
elements: usually one for finite groups, :math:`2^{d - 1}` for rotations of d dimensions.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from eqsets.errors import ShapeError
from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.symmetrize.poses import Poses, Weighted

__all__ = ["FiniteFrame", "PrincipalFrame", "SortingFrame", "functional"]

_TIES = 1e-5  # of the spread of the scores: rounding of float32 sums


class FiniteFrame(Poses):
    r"""The elements of a finite group that maximise a fixed functional of the moved input.

    .. math:: \mathcal F(x) = \arg\max_g \sum_i \langle w, \varphi(g^{-1} x_i) \rangle

    with random :math:`w` from a fixed seed. An input that is unchanged by some group elements
    has several maxima, over which the average is taken.

    Arguments:
        group: a finite group.
    """

    elements: Tensor

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group
        self.register_buffer("elements", group.elements(), persistent=False)

    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        with torch.no_grad():
            inverses = self.group.inverse(self.elements)[:, None, None]
            moved = in_type.transform(inverses, x[None])
            scores = functional(moved.flatten(3)).mean(2)
            best = scores.amax(0)
            spread = (best - scores.amin(0)).clamp(min=torch.finfo(scores.dtype).tiny)
            ties = scores >= best - _TIES * spread
            count = int(ties.sum(0).max())
            chosen = scores.topk(count, 0).indices
            weights = ties.gather(0, chosen).to(x.dtype)
        return Weighted(self.elements[chosen], weights / weights.sum(0))

    def extra_repr(self) -> str:
        return f"the best of {len(self.elements)} group elements"


class SortingFrame(Poses):
    """The order of points by a fixed functional of their features: the points are sorted.

    Points with equal features may stand in either order.
    """

    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        with torch.no_grad():
            order = functional(x).mean(1).argsort(dim=-1, stable=True)
            weights = torch.ones(1, 1, dtype=x.dtype, device=x.device)
        return Weighted(order[None], weights)

    def extra_repr(self) -> str:
        return "points in order"


class PrincipalFrame(Poses):
    r"""The principal axes of the vectors of the input, with every choice of their signs.

    .. math:: \textstyle\sum_k v_k v_k^T = U \Lambda U^T, \qquad \mathcal F(x) = \{U S\}

    It is defined where the eigenvalues differ; close to equal ones it is not continuous.

    Arguments:
        vectors: module ``(E, *element) -> (E, K, d)``, which the group's matrices multiply.
        dimension: ``d``.
        special: whether only rotations are in the group.
    """

    signs: Tensor

    def __init__(self, vectors: nn.Module, dimension: int, *, special: bool) -> None:
        super().__init__()
        self.vectors, self.dimension, self.special = vectors, dimension, special
        choices = torch.tensor(list(itertools.product((1.0, -1.0), repeat=dimension)))
        even = choices[choices.prod(-1) > 0]
        self.register_buffer("signs", even if special else choices, persistent=False)

    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        v = self.vectors(x.flatten(0, 1)).unflatten(0, x.shape[:2]).flatten(1, 2)
        if v.shape[1] < self.dimension - 1:
            raise ShapeError(
                f"a frame of {self.dimension} dimensions got {v.shape[1]} vectors, expected at "
                f"least {self.dimension - 1}. Add vectors to the input, or average."
            )
        axes = torch.linalg.eigh(v.mT @ v)[1]
        if self.special:  # a right-handed system
            first = axes[..., :1] * torch.linalg.det(axes).sign()[:, None, None]
            axes = torch.cat([first, axes[..., 1:]], -1)
        signs = self.signs.to(axes)
        weights = torch.full((len(signs), 1), 1 / len(signs), dtype=x.dtype, device=x.device)
        return Weighted(axes * signs[:, None, None, :], weights)

    def extra_repr(self) -> str:
        return f"{len(self.signs)} systems of principal axes"


def functional(x: Tensor) -> Tensor:
    """Return a fixed random functional of the last axis, which is neither odd nor even."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(2, x.shape[-1], generator=generator, dtype=torch.float64).to(x)
    return x @ weights[0] + x.square() @ weights[1]
