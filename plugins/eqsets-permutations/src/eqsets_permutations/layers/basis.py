r"""All permutation-equivariant linear maps between features of nodes and of ordered pairs.

There are as many as ways to partition the axes of input and output: 2 from nodes to nodes, 5
between nodes and pairs, 15 from pairs to pairs. Sums over nodes are means here, so that outputs
keep their size on graphs of any size; for one node count this is the same space of maps.

Reference: Invariant and Equivariant Graph Networks, Maron, Ben-Hamu, Shamir, Lipman, ICLR 2019,
https://arxiv.org/abs/1812.09902, Theorem 1 and appendix A.
"""

from __future__ import annotations

from functools import reduce
from math import sqrt

import torch
from torch import Tensor, nn

from eqsets_permutations.features import NodeFeatures, PairFeatures
from eqsets_permutations.subgraphs.bag_structure import (
    NodeBatch,
    NodeSide,
    broadcast_to_nodes,
    reduce_nodes,
)

__all__ = ["NodeLinear", "SecondOrderLinear"]


class NodeLinear(nn.Module):
    r"""Apply the most general linear map on a set of points: *all* equivariant affine maps.

    .. math:: y_p = x_p W_1 + \frac1P \sum_q x_q W_2 + b

    Edges are ignored.

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        bias: whether to add one.

    Example:
        >>> layer = NodeLinear(NodeFeatures(3), NodeFeatures(8))
        >>> layer(torch.randn(2, 6, 3)).shape
        torch.Size([2, 6, 8])
    """

    def __init__(self, in_type: NodeFeatures, out_type: NodeFeatures, *, bias: bool = True) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self.own = nn.Linear(in_type.count, out_type.count, bias=bias)
        self.pooled = nn.Linear(in_type.count, out_type.count, bias=False)

    def forward(self, rows: Tensor, edges: NodeSide = None) -> Tensor:
        """Map ``rows: (E, P, C)`` to ``(E, P, C')``."""
        if isinstance(edges, NodeBatch):
            edges.require_shared()
        own: Tensor = self.own(rows)
        return own + broadcast_to_nodes(self.pooled(reduce_nodes(rows, edges, "mean")), edges)


class SecondOrderLinear(nn.Module):
    r"""Apply the most general linear map from or to features of ordered pairs of nodes.

    .. math:: y_{p q} = \sum_k B^k(x)_{p q} W_k + b_{[p = q]}

    with the 15 maps :math:`B^k` between pairs, or the 5 between nodes and pairs: *all* equivariant
    affine maps. Memory is ``O(P^2)`` for an element.

    References:
        Invariant and Equivariant Graph Networks, Maron, Ben-Hamu, Shamir, Lipman, ICLR 2019,
        https://arxiv.org/abs/1812.09902, appendix A.

    Arguments:
        in_type: type of the input.
        out_type: type of the output; one of the two has pairs.
        bias: whether to add one, with a value of its own on the diagonal.

    Example:
        >>> layer = SecondOrderLinear(PairFeatures(2), PairFeatures(3))
        >>> layer.weight.shape[0], layer(torch.randn(4, 6, 6, 2)).shape
        (15, torch.Size([4, 6, 6, 3]))
    """

    def __init__(
        self,
        in_type: NodeFeatures | PairFeatures,
        out_type: NodeFeatures | PairFeatures,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        pairs_in, pairs_out = isinstance(in_type, PairFeatures), isinstance(out_type, PairFeatures)
        self._pairs_in, self._pairs_out = pairs_in, pairs_out
        maps = {(True, True): 15, (False, False): 2}.get((pairs_in, pairs_out), 5)
        self.weight = nn.Parameter(torch.empty(maps, in_type.count, out_type.count))
        constants = 2 if pairs_out else 1
        self.bias = nn.Parameter(torch.empty(constants, out_type.count)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as torch does for a dense layer: outputs keep the size of the inputs."""
        bound = 1 / sqrt(self.weight.shape[0] * self.in_type.count)
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, rows: Tensor, edges: object = None) -> Tensor:
        """Map ``rows: (E, *in_type.layout)`` to ``(E, *out_type.layout)``."""
        if self._pairs_in:
            whole, nodes, constants = _contract_pairs(rows)
        else:
            whole, nodes, constants = [], [rows], [rows.mean(1)]
        take = iter(self.weight)

        def mixed(parts: list[Tensor]) -> Tensor:
            terms: list[Tensor] = [part @ next(take) for part in parts]
            return reduce(torch.add, terms)

        if not self._pairs_out:
            y = mixed(nodes) + mixed(constants)[:, None]
            return y if self.bias is None else y + self.bias[0]
        # Contracting comes before expanding: only the two full maps touch all pairs of channels.
        y = mixed(nodes)[:, :, None] + mixed(nodes)[:, None] + mixed(constants)[:, None, None]
        diagonal = mixed(nodes) + mixed(constants)[:, None]
        if whole:
            y = y + mixed(whole)
        if self.bias is not None:
            y, diagonal = y + self.bias[0], diagonal + self.bias[1]
        eye = torch.eye(rows.shape[1], dtype=y.dtype, device=y.device)[:, :, None]
        return y + eye * diagonal[:, :, None]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, dimension={len(self.weight)}"


def _contract_pairs(x: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Return what pairs ``(E, P, P, C)`` hold: on pairs, on nodes, and of the whole element."""
    diagonal = x.diagonal(dim1=1, dim2=2).transpose(1, 2)
    rows, columns = x.mean(2), x.mean(1)
    return [x, x.transpose(1, 2)], [diagonal, rows, columns], [diagonal.mean(1), rows.mean(1)]
