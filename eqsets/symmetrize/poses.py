r"""The group elements that a network is evaluated at, and their weights.

.. math:: \hat f(x) = \sum_k w_k(x)\; \rho'(g_k(x))\, f\big(\rho(g_k(x))^{-1} x\big)

The sum is equivariant where the poses are: :math:`\{g_k(h x)\} = h \{g_k(x)\}` with equal weights.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType

__all__ = ["LearnedPoses", "Poses", "Weighted"]


class Weighted(NamedTuple):
    """Group elements and their weights, which sum to one over the first axis.

    Attributes:
        elements: ``(K, B, *element_shape)`` or ``(K, 1, *element_shape)``.
        weights: ``(K, B)`` or ``(K, 1)``.
    """

    elements: Tensor
    weights: Tensor


class Poses(nn.Module):
    """Chooses the group elements at which a network is evaluated; a subclass has a ``forward``.

    Attributes:
        one_input: whether the network is evaluated once, at the weighted sum of the moved inputs:
            right where one weight is one and the others are zero.
        exact: whether the result is equivariant up to rounding and interpolation.
    """

    one_input = False
    exact = True

    @abstractmethod
    def forward(self, in_type: FeatureType, x: Tensor) -> Weighted:
        """Return group elements for sets ``x: (B, N, *element)``, one for all elements of a set."""

    def error(self, values: Tensor) -> Tensor:
        """Return the estimated error of the mean of ``values: (K, ...)``: zero if exact."""
        return torch.zeros_like(values[0])


class LearnedPoses(Poses):
    """Poses with weights: a prior says where those of the training data should be."""

    @abstractmethod
    def prior_loss(self, in_type: FeatureType, x: Tensor) -> Tensor:
        """Return how far the poses of ``x: (B, N, *element)`` are from the identity, a scalar."""
