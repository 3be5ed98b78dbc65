"""The convolutions that are linear in the adjacency: one sparse product for a whole set.

Parameters have PyG's names, so weights move between these and ``torch_geometric.nn`` by
``load_state_dict``. The linear map acts on the narrower side of the product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqsets import FeatureTypeError
from eqsets.tensors.difference import bias_difference
from eqsets_permutations.convolution import adjacency
from eqsets_permutations.convolution.adjacency import Adjacency
from eqsets_permutations.convolution.batching import nodes_to_rows, rows_to_nodes
from eqsets_permutations.edges import Edges
from eqsets_permutations.subgraphs.bag_structure import NodeSide

__all__ = ["GCN", "GIN", "SAGE", "GraphConvolution", "mlp"]


class GCN(nn.Module):
    r"""Convolve with the normalised adjacency.

    .. math:: y = D^{-1/2} (A + c I) D^{-1/2} x W + b, \qquad c = 1 \text{ or, improved, } 2

    References:
        Semi-Supervised Classification with Graph Convolutional Networks, Kipf and Welling,
        ICLR 2017, https://arxiv.org/abs/1609.02907, equation 2.

    Arguments:
        in_channels: channels of the input.
        out_channels: channels of the output.
        bias: whether to add one.
        improved: weigh the loops by 2, as the graph models of the DSS paper do.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, bias: bool = True, improved: bool = False
    ) -> None:
        super().__init__()
        self.improved = _flag("improved", improved)
        self.lin = _glorot(nn.Linear(in_channels, out_channels, bias=False))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def can_subtract(self, other: nn.Module) -> bool:
        """Return whether :meth:`forward` takes another convolution as ``minus``."""
        if type(other) is not type(self) or (other.bias is not None and self.bias is None):
            return False
        return other.improved == self.improved

    def forward(self, rows: Tensor, edges: NodeSide = None, *, minus: GCN | None = None) -> Tensor:
        """Map ``rows: (E, P, C)`` to ``(E, P, C')``, minus what another gives."""
        weight: Tensor = self.lin.weight
        bias: Tensor | None = self.bias
        if minus is not None:
            weight, bias = weight - minus.lin.weight, bias_difference(bias, minus.bias)
        x, own = rows_to_nodes(rows, edges, "gcn")
        loop = 2.0 if self.improved else 1.0
        matrix = _matrix(
            own, x, ("gcn", loop), lambda: adjacency.gcn_adjacency(own, x.shape[0], x, loop)
        )
        return nodes_to_rows(_narrow(matrix, x, weight, bias), own)


class GraphConvolution(nn.Module):
    r"""Add up the neighbours: :math:`y = x W_1 + A x W_2 + b`.

    References:
        Weisfeiler and Leman Go Neural, Morris et al., AAAI 2019, https://arxiv.org/abs/1810.02244.

    Arguments:
        in_channels: channels of the input.
        out_channels: channels of the output.
        bias: whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__()
        self.lin_rel = nn.Linear(in_channels, out_channels, bias=bias)
        self.lin_root = nn.Linear(in_channels, out_channels, bias=False)

    def can_subtract(self, other: nn.Module) -> bool:
        """Return whether :meth:`forward` takes another convolution as ``minus``."""
        if type(other) is not type(self):
            return False
        return other.lin_rel.bias is None or self.lin_rel.bias is not None

    def forward(
        self,
        rows: Tensor,
        edges: NodeSide = None,
        *,
        minus: GraphConvolution | None = None,
    ) -> Tensor:
        """Map ``rows: (E, P, C)`` to ``(E, P, C')``, minus what another gives."""
        root_weight, weight = self.lin_root.weight, self.lin_rel.weight
        bias: Tensor | None = self.lin_rel.bias
        if minus is not None:
            root_weight = root_weight - minus.lin_root.weight
            weight = weight - minus.lin_rel.weight
            bias = bias_difference(bias, minus.lin_rel.bias)
        x, own = rows_to_nodes(rows, edges, "graph")
        matrix = _matrix(own, x, ("graph",), lambda: adjacency.sum_adjacency(own, x.shape[0], x))
        root = F.linear(x, root_weight, bias)
        return nodes_to_rows(root + _narrow(matrix, x, weight), own)


class SAGE(nn.Module):
    r"""Take the mean of the neighbours: :math:`y = x W_1 + D^{-1} A x W_2 + b`.

    References:
        Inductive Representation Learning on Large Graphs, Hamilton, Ying, Leskovec, NeurIPS 2017,
        https://arxiv.org/abs/1706.02216.

    Arguments:
        in_channels: channels of the input.
        out_channels: channels of the output.
        bias: whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__()
        self.lin_l = nn.Linear(in_channels, out_channels, bias=bias)
        self.lin_r = nn.Linear(in_channels, out_channels, bias=False)

    def forward(self, rows: Tensor, edges: NodeSide = None) -> Tensor:
        """Map ``rows: (E, P, C)`` to ``(E, P, C')``.

        Raises:
            FeatureTypeError: the edges have weights: a mean with weights that cancel is none.
        """
        x, own = rows_to_nodes(rows, edges, "sage")
        if own.weight is not None:
            raise FeatureTypeError(
                f"convolution 'sage' got edge weights {tuple(own.weight.shape)}, expected none: "
                "it takes the mean of the neighbours. Use conv='graph' or 'gcn' for weights."
            )
        matrix = _matrix(own, x, ("sage",), lambda: adjacency.mean_adjacency(own, x.shape[0], x))
        root = F.linear(x, self.lin_r.weight, self.lin_l.bias)
        return nodes_to_rows(root + _narrow(matrix, x, self.lin_l.weight), own)


class GIN(nn.Module):
    r"""Apply a small network to the sum over node and neighbours.

    .. math:: y = \mathrm{MLP}((1 + \epsilon) x + A x)

    References:
        How Powerful are Graph Neural Networks?, Xu, Hu, Leskovec, Jegelka, ICLR 2019,
        https://arxiv.org/abs/1810.00826, equation 4.1.

    Arguments:
        in_channels: channels of the input.
        out_channels: channels of the output, and of the hidden layer.
        bias: whether the network has biases.
        eps: the start value of epsilon.
        train_eps: whether it is learned.
    """

    eps: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        bias: bool = True,
        eps: float = 0.0,
        train_eps: bool = False,
    ) -> None:
        super().__init__()
        self.nn = mlp(in_channels, out_channels, bias=bias)
        if _flag("train_eps", train_eps):
            self.eps = nn.Parameter(torch.full((1,), eps))
        else:
            self.register_buffer("eps", torch.full((1,), eps))

    def forward(self, rows: Tensor, edges: NodeSide = None) -> Tensor:
        """Map ``rows: (E, P, C)`` to ``(E, P, C')``."""
        x, own = rows_to_nodes(rows, edges, "gin")
        matrix = _matrix(own, x, ("gin",), lambda: adjacency.sum_adjacency(own, x.shape[0], x))
        # The first linear map commutes with the sum: it may act before, on the narrower side.
        first = cast(nn.Linear, self.nn[0])
        own_part = (1 + self.eps.to(x.dtype)) * F.linear(x, first.weight)
        h = own_part + _narrow(matrix, x, first.weight, first.bias)
        return nodes_to_rows(self.nn[2](self.nn[1](h)), own)


def mlp(in_channels: int, out_channels: int, bias: bool = True) -> nn.Sequential:
    """Return the network of two layers that a GIN has."""
    return nn.Sequential(
        nn.Linear(in_channels, out_channels, bias=bias),
        nn.ReLU(),
        nn.Linear(out_channels, out_channels, bias=bias),
    )


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise FeatureTypeError(f"got {name}={value!r}, expected True or False.")
    return value


def _glorot(linear: nn.Linear) -> nn.Linear:
    nn.init.xavier_uniform_(linear.weight)
    return linear


def _matrix(
    edges: Edges, x: Tensor, key: tuple[object, ...], build: Callable[[], Adjacency]
) -> Adjacency:
    """Return the matrix that prepared edges store under ``key``, or build it."""
    if edges.attr is not None:
        raise FeatureTypeError(
            f"convolution {key[0]!r} got edge features {tuple(edges.attr.shape)}, expected none. "
            "Use one that takes them, such as conv='gat' or 'gine' with edge_dim=."
        )
    stored: dict[tuple[object, ...], Adjacency] | None = edges.__dict__.get("_matrices")
    learned = edges.weight is not None and edges.weight.requires_grad
    if stored is None or learned or torch.compiler.is_compiling():
        return build()
    mode = torch.is_inference_mode_enabled()  # a matrix built there takes no part in training
    full = (*key, x.shape[0], torch.promote_types(x.dtype, torch.float32), mode)
    if full not in stored:
        stored[full] = build()
    return stored[full]


def _narrow(matrix: Adjacency, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the product with adjacency and weight of ``x (n, k, C)``, the cheaper order first."""
    if weight.shape[1] <= weight.shape[0]:  # where equal, the linear map can add the bias
        return F.linear(_propagate(matrix, x), weight, bias)
    y = _propagate(matrix, F.linear(x, weight))
    return y if bias is None else y + bias


def _propagate(matrix: Adjacency, x: Tensor) -> Tensor:
    nodes, copies, channels = x.shape
    return (matrix @ x.reshape(nodes, copies * channels)).reshape(nodes, copies, channels)
