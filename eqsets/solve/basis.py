r"""Bases of the linear maps that commute with a group.

For permutations the orbits of pairs of points; for matrices and Lie algebras the solutions of

.. math:: \rho'(g) L - L \rho(g) = 0 \;\;\forall\,\text{generators},\qquad
          \mathrm{d}\rho'(A) L - L\, \mathrm{d}\rho(A) = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.constants import on_cpu
from eqsets.solve.action import Action
from eqsets.solve.null_space import intertwiners
from eqsets.solve.orbits import pair_orbits

__all__ = ["Basis", "basis_between"]


@dataclass(frozen=True, eq=False)
class Basis:
    """All equivariant maps between two actions.

    Attributes:
        dimension: how many linearly independent ones there are, :math:`E(H)`.
        labels: ``(d_out, d_in)`` number of the pair orbit (permutations), else ``None``.
        maps: ``(dimension, d_out, d_in)`` float64, orthonormal (matrices), else ``None``.
    """

    dimension: int
    labels: Tensor | None
    maps: Tensor | None

    def dense(self) -> Tensor:
        """Return the maps as matrices ``(dimension, d_out, d_in)`` in any case."""
        if self.maps is not None:
            return self.maps
        if self.labels is None:
            raise AssertionError("a basis has labels or maps")
        return torch.nn.functional.one_hot(self.labels, self.dimension).permute(2, 0, 1).double()


def basis_between(source: Action, target: Action) -> Basis:
    """Return a basis of all linear maps from ``source`` to ``target`` that commute with the group.

    Raises:
        GroupError: the solution takes too much memory.
    """
    with on_cpu():
        if source.permutations is not None and target.permutations is not None:
            labels = pair_orbits(target.permutations, source.permutations)
            return Basis(int(labels.max()) + 1, labels, None)
        maps = intertwiners(source.constraints(), target.constraints())
        return Basis(len(maps), None, maps)
