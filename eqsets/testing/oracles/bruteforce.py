r"""How many equivariant linear maps there are, by brute force: the oracle of completeness.

It knows of the action only what ``transform`` does to a basis, and shares no code with the solver.
A map :math:`A`, with :math:`y = x A` for rows, is equivariant where, for all tried :math:`g`,

.. math:: M_g A = A M'_g \;\Leftrightarrow\; (M_g \otimes 1 - 1 \otimes M_g'^T) \, \vec A = 0

with :math:`M_g` the matrix whose rows are the transformed basis. A group is tried by its generators
and a few random elements, which generate a dense subgroup of a continuous one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType
from eqsets.groups import Group

__all__ = ["LARGEST", "action_matrices", "covered", "equivariant_maps", "reached", "set_matrices"]

LARGEST = 1_000
"""Unknowns of a map that are solved for; larger ones are skipped."""

_RANDOM = 4


def element_shape(feature_type: FeatureType) -> tuple[int, ...]:
    """Return the shape of one element as the type samples it: sizes that are free are fixed so."""
    return tuple(feature_type.sample(generator=torch.Generator().manual_seed(0)).shape)


def tried_elements(group: Group) -> Tensor:
    """Return the generators of a group and a few random elements."""
    random = group.sample(_RANDOM, generator=torch.Generator().manual_seed(0))
    generators = group.generators()
    return random if generators is None else torch.cat([generators.to(random), random])


def action_matrices(group: Group, feature_type: FeatureType) -> Tensor:
    """Return the matrices ``(k, D, D)``, rows the transformed basis, of the tried elements."""
    shape = element_shape(feature_type)
    basis = torch.eye(prod(shape), dtype=torch.float64).reshape(-1, *shape)
    return torch.stack([feature_type.transform(g, basis).flatten(1) for g in tried_elements(group)])


def set_matrices(group: Group, feature_type: FeatureType, size: int, alignment: str) -> Tensor:
    """Return the matrices of a set: reordering, and the group as the alignment has it."""
    one = action_matrices(group, feature_type)
    dim = one.shape[-1]
    on_set, identity = torch.eye(size, dtype=torch.float64), torch.eye(dim, dtype=torch.float64)
    orders = [on_set.roll(1, 0), on_set[[1, 0, *range(2, size)]]]
    moves = [torch.kron(order, identity) for order in orders]
    for matrix in one:
        if alignment == "shared":
            moves.append(torch.kron(on_set, matrix))
        else:  # the first element alone; reordering brings it everywhere
            moves.append(torch.block_diag(matrix, *[identity] * (size - 1)))
    return torch.stack(moves)


def equivariant_maps(source: Tensor, target: Tensor) -> Tensor:
    """Return an orthonormal basis ``(k, D_in * D_out)`` of the maps that commute with all pairs."""
    d_in, d_out = source.shape[-1], target.shape[-1]
    gram = torch.zeros(d_in * d_out, d_in * d_out, dtype=torch.float64)
    eye_in, eye_out = torch.eye(d_in).double(), torch.eye(d_out).double()
    for a, b in zip(source, target, strict=True):
        gap = torch.kron(a, eye_out) - torch.kron(eye_in, b.mT.contiguous())
        gram += gap.mT @ gap
    values, vectors = torch.linalg.eigh(gram)
    basis: Tensor = vectors[:, values < 1e-8 * max(1.0, float(values[-1]))].mT
    return basis


def reached(
    module: nn.Module, run: Callable[[Tensor], Tensor], shape: tuple[int, ...], draws: int
) -> tuple[Tensor, Tensor]:
    """Return the linear maps ``(draws, D_in * D_out)`` and offsets of a module with random weights.

    Arguments:
        module: whose parameters are drawn at random.
        run: applies it to inputs ``(k, *shape)``.
        shape: shape of one input.
        draws: how often.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = torch.eye(prod(shape), dtype=torch.float64).reshape(-1, *shape)
    inputs = torch.cat([inputs, torch.zeros(1, *shape, dtype=torch.float64)])
    maps, offsets = [], []
    with torch.no_grad():
        for _ in range(draws):
            for parameter in module.parameters():
                parameter.normal_(generator=generator)
            outputs = run(inputs).flatten(1)
            maps.append((outputs[:-1] - outputs[-1]).flatten())
            offsets.append(outputs[-1])
    return torch.stack(maps), torch.stack(offsets)


def covered(vectors: Tensor, basis: Tensor) -> int:
    """Return the dimension of the part of the span of ``basis`` that ``vectors`` reach."""
    if not len(basis):
        return 0
    return int(torch.linalg.matrix_rank(vectors @ basis.mT, rtol=1e-8))
