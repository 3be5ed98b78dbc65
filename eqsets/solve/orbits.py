"""Orbits of points and of pairs of points under permutations, in near-linear time."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["pair_orbits", "point_orbits"]


def point_orbits(generators: Tensor) -> Tensor:
    """Return for each point the number of its orbit, ``(d,)``, counted from 0 without gaps.

    Arguments:
        generators: permutations ``(k, d)``, ``p[i]`` is where point ``i`` goes; ``k`` may be 0.

    Example:
        >>> point_orbits(torch.tensor([[1, 0, 2, 4, 3]]))
        tensor([0, 0, 1, 2, 2])
    """
    # Every point points to the smallest point known to share its orbit; following the pointers
    # twice in each round halves the remaining distance, so rounds grow with log(d), not with d.
    leader = torch.arange(generators.shape[1])
    while True:
        before = leader
        for image in generators:
            smaller = torch.minimum(leader, leader[image])
            leader = smaller.scatter_reduce(0, image, smaller, "amin")
        leader = leader[leader]
        if torch.equal(leader, before):
            number: Tensor = torch.unique(leader, return_inverse=True)[1]
            return number


def pair_orbits(out_generators: Tensor, in_generators: Tensor) -> Tensor:
    """Return for each pair (out point, in point) the number of its orbit, ``(d_out, d_in)``.

    The indicator matrices of the orbits are a basis of all linear maps that commute with the
    permutations: near-linear in ``d_out * d_in``.

    Arguments:
        out_generators: permutations ``(k, d_out)``.
        in_generators: the same group elements on the other points, ``(k, d_in)``.

    Example:
        >>> turn = torch.tensor([[1, 2, 0]])
        >>> pair_orbits(turn, turn)
        tensor([[0, 1, 2],
                [2, 0, 1],
                [1, 2, 0]])
    """
    d_out, d_in = out_generators.shape[1], in_generators.shape[1]
    pairs = (out_generators[:, :, None] * d_in + in_generators[:, None, :]).flatten(1)
    return point_orbits(pairs).reshape(d_out, d_in)
