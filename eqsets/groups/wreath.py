r"""The wreath product: permutations of members, and a group element for each member.

.. math:: S_n \wr H = H^n \rtimes S_n
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.groups.finite import SymmetricGroup
from eqsets.groups.group import Group
from eqsets.groups.product import Automorphism, ProductGroup, SemidirectProduct

__all__ = ["CopyPermutation", "wreath_product"]


@dataclass(frozen=True)
class CopyPermutation(Automorphism):
    r"""Permutations act on tuples: :math:`\varphi_k(n)_{k(i)} = n_i`."""

    def act(self, normal: Group, k: Tensor, n: Tensor) -> Tensor:
        size = k.shape[-1]
        batch = torch.broadcast_shapes(k.shape[:-1], n.shape[:-1])
        parts = n.expand(*batch, n.shape[-1]).reshape(*batch, size, -1)
        source = k.argsort(-1).expand(*batch, size).unsqueeze(-1)
        return torch.take_along_dim(parts, source, -2).reshape(*batch, -1)


def wreath_product(group: Group, size: int) -> SemidirectProduct:
    """Return ``size`` copies of a group, and the permutations of the copies.

    Elements are pairs (the concatenated elements of the copies, a permutation ``(size,)``): first
    the permutation acts, then the element of each copy.

    Example:
        >>> from eqsets.groups import CyclicGroup
        >>> wreath_product(CyclicGroup(2), 3).order
        48
    """
    return SemidirectProduct(ProductGroup(*[group] * size), SymmetricGroup(size), CopyPermutation())
