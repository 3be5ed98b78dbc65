"""Equivariant subgraph aggregation networks: a graph network that sees a bag of subgraphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from eqsets import FeatureTypeError
from eqsets_permutations.network import GraphNetwork
from eqsets_permutations.subgraphs.bags import BagData, OnBags
from eqsets_permutations.symmetry import Permutations

__all__ = ["DSSGNN", "vote"]


class DSSGNN(nn.Module):
    r"""Classify or regress graphs from bags of their subgraphs.

    .. math:: x_i \leftarrow \sigma\Big(\mathrm{BN}\big(L_1(A_i, x_i) +
              L_2(A, \tfrac1m \textstyle\sum_j x_j)\big)\Big)

    then the mean over nodes, the mean over subgraphs, and a network of two layers. Node ``p`` of
    all subgraphs is the same node of the original graph :math:`A`. It distinguishes graphs that
    the base convolution and the Weisfeiler-Leman test cannot.

    References:
        Equivariant Subgraph Aggregation Networks, Bevilacqua et al., ICLR 2022,
        https://arxiv.org/abs/2110.02910, section 3.1. As the authors' code, the second branch takes
        the mean and the original graph; here one batch norm follows the sum of both branches.

    Arguments:
        in_channels: channels of a node, with the two that indicate the root (EGO+); of categories
            the number of columns.
        out_features: length of the output.
        hidden: channels of the layers.
        layers: number of them.
        conv: convolution of both branches, as ``DSS("permutations", ...)`` takes it.
        aggregation: ``"mean"`` as in the authors' code; ``"none"`` makes it DS-GNN.
        normalization: ``"batch"``, ``"element"`` or ``None``.
        node_categories: number of categories of each column, where nodes have whole numbers: with
            ``marked=True`` two columns of two categories come first.
        virtual_node: ``"element"``: one for each subgraph; ``"set"``: one for each bag; ``None``.
        residual: add the input of each layer to its output, where widths are equal.
        jumping_knowledge: ``"last"``, ``"cat"``, ``"max"`` or ``"sum"`` over the layers. These
            four are described in :class:`~eqsets_permutations.GraphNetwork`.
        conv_options: go to the convolution, such as ``edge_categories=[4]`` with ``conv="gine"``.

    Raises:
        FeatureTypeError: see :class:`~eqsets_permutations.GraphNetwork`; or the number of columns
            is not ``in_channels``.

    Example:
        >>> from eqsets_permutations.subgraphs.policies import NodeDeleted
        >>> ring = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
        >>> graph = NodeDeleted()(Data(x=torch.ones(3, 1), edge_index=ring))
        >>> DSSGNN(1, 10)(Batch.from_data_list([graph, graph])).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_features: int,
        *,
        hidden: int = 32,
        layers: int = 3,
        conv: str | Callable[..., nn.Module] = "gin",
        aggregation: str = "mean",
        normalization: str | None = "batch",
        node_categories: Sequence[int] | None = None,
        virtual_node: str | None = None,
        residual: bool = False,
        jumping_knowledge: str = "last",
        **conv_options: Any,
    ) -> None:
        super().__init__()
        if node_categories is not None and in_channels != len(node_categories):
            raise FeatureTypeError(
                f"DSSGNN got in_channels={in_channels!r} and node_categories={node_categories!r}, "
                "expected as many columns as sizes. With marked=True two columns of two categories "
                "come first: [2, 2, *sizes]."
            )
        width = in_channels if node_categories is None else hidden
        self.network = OnBags(
            GraphNetwork(
                Permutations(),
                [width, *[hidden] * layers],
                node_categories=node_categories,
                virtual_node=virtual_node,
                residual=residual,
                jumping_knowledge=jumping_knowledge,
                aggregation=aggregation,
                normalization=normalization,
                readout=hidden,
                readout_aggregation="mean",
                readout_element="mean",
                conv=conv,
                **conv_options,
            )
        )
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(hidden, out_features))

    def forward(self, data: BagData) -> Tensor:
        """Map a bag, or a ``Batch`` of ``B`` bags, to ``(B, out_features)``."""
        y: Tensor = self.head(self.network(data))
        return y


def vote(
    model: nn.Module, graphs: list[Data], policy: Callable[[Data], BagData], votes: int = 5
) -> Tensor:
    """Return the mean output over several draws of the bags, as the paper does for large graphs.

    Arguments:
        model: takes a ``Batch`` of bags.
        graphs: plain graphs.
        policy: draws a bag from each; with ``fraction=1`` one vote is enough.
        votes: number of draws.

    Raises:
        FeatureTypeError: ``votes`` is no whole number of at least 1.
    """
    if isinstance(votes, bool) or not isinstance(votes, int) or votes < 1:
        raise FeatureTypeError(
            f"vote got votes={votes!r}, expected a whole number of at least 1. Write votes=5."
        )
    with torch.no_grad():
        draws = [model(Batch.from_data_list([policy(g) for g in graphs])) for _ in range(votes)]
    return torch.stack(draws).mean(0)
