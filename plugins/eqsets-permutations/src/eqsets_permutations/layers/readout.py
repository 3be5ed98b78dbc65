"""Invariants of elements, and invariants written back to nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.rows import InvariantPart
from eqsets_permutations.features import NodeFeatures, PairFeatures
from eqsets_permutations.subgraphs.bag_structure import (
    NodeSide,
    broadcast_to_nodes,
    reduce_nodes,
)

__all__ = ["READOUTS", "Embedding", "NodePart", "NodeReadout", "PairPart", "PairReadout"]

READOUTS = ("max", "mean", "sum")


class NodeReadout(nn.Module):
    r"""Read one vector from the nodes of each element: :math:`u = \frac1P \sum_p x_p`.

    Arguments:
        in_type: type of the features.
        kind: ``"mean"``, ``"sum"`` or ``"max"``.

    Attributes:
        features: number of invariants.
    """

    def __init__(self, in_type: NodeFeatures, kind: str = "mean") -> None:
        super().__init__()
        self.in_type, self.kind, self.features = in_type, kind, in_type.count

    def forward(self, rows: Tensor, edges: NodeSide = None) -> Tensor:
        """Map ``rows: (E, P, C)`` to ``(E, C)``."""
        return reduce_nodes(rows, edges, self.kind)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.kind}"


class PairReadout(nn.Module):
    """Read the diagonal and the rest of pairs: two vectors, which is all linear invariants.

    Arguments:
        in_type: type of the features.
        kind: ``"mean"``, ``"sum"`` or ``"max"``.

    Attributes:
        features: number of invariants.
    """

    def __init__(self, in_type: PairFeatures, kind: str = "mean") -> None:
        super().__init__()
        self.in_type, self.kind, self.features = in_type, kind, 2 * in_type.count

    def forward(self, rows: Tensor, edges: NodeSide = None) -> Tensor:
        """Map ``rows: (E, P, P, C)`` to ``(E, 2 C)``; one node alone has zeros off the diagonal."""
        points = rows.shape[1]
        if self.kind == "max":
            diagonal = rows.diagonal(dim1=1, dim2=2).transpose(1, 2)
            own = torch.eye(points, dtype=torch.bool, device=rows.device)[:, :, None]
            rest = rows.masked_fill(own, -torch.inf).amax((1, 2))
            rest = rest if points > 1 else torch.zeros_like(rest)
            return torch.cat([diagonal.amax(1), rest], 1)
        total, rest = _sums(rows)
        if self.kind == "sum":
            return torch.cat([total, rest], 1)
        return torch.cat([total / points, rest / max(1, points * (points - 1))], 1)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.kind}"


class Embedding(nn.Module):
    r"""Write invariants to every node: :math:`y_p = A u`; to pairs, on and off the diagonal.

    These are all linear maps from invariants.

    Arguments:
        features: number of invariants.
        out_type: type of the output.
    """

    def __init__(self, features: int, out_type: NodeFeatures | PairFeatures) -> None:
        super().__init__()
        self.out_type = out_type
        maps = 2 if isinstance(out_type, PairFeatures) else 1
        self.linear = nn.Linear(features, maps * out_type.count, bias=False)

    def forward(self, invariants: Tensor, edges: NodeSide = None, *, like: Tensor) -> Tensor:
        """Map ``(E, features)`` to features that broadcast against ``like: (E, *layout)``."""
        y: Tensor = self.linear(invariants)
        if isinstance(self.out_type, NodeFeatures):
            return broadcast_to_nodes(y, edges)
        everywhere, diagonal = y.chunk(2, -1)
        return _on_pairs(everywhere, diagonal, like)

    def extra_repr(self) -> str:
        return f"{self.linear.in_features} invariants -> {self.out_type}"


class NodePart(InvariantPart):
    """The mean over the nodes of each element, at every node."""

    def read(self, x: Tensor, *side: Any) -> Tensor:
        return reduce_nodes(x, next(iter(side), None), "mean")

    def write(self, invariants: Tensor, *side: Any, like: Tensor) -> Tensor:
        return broadcast_to_nodes(invariants, next(iter(side), None))


class PairPart(InvariantPart):
    """The mean over the diagonal of each element, and the mean over the other pairs."""

    def read(self, x: Tensor, *side: Any) -> Tensor:
        points = x.shape[1]
        total, rest = _sums(x)
        return torch.cat([total / points, rest / max(1, points * (points - 1))], 1)

    def write(self, invariants: Tensor, *side: Any, like: Tensor) -> Tensor:
        diagonal, rest = invariants.chunk(2, -1)
        return _on_pairs(rest, diagonal - rest, like)


def _sums(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums over the diagonal of pairs ``(E, P, P, C)`` and over the rest."""
    total = rows.diagonal(dim1=1, dim2=2).sum(-1)
    return total, rows.sum((1, 2)) - total


def _on_pairs(everywhere: Tensor, diagonal: Tensor, like: Tensor) -> Tensor:
    """Return ``everywhere (E, C)`` on all pairs plus ``diagonal (E, C)`` on the diagonal."""
    eye = torch.eye(like.shape[-2], dtype=like.dtype, device=like.device)[:, :, None]
    return everywhere[:, None, None] + eye * diagonal[:, None, None]
