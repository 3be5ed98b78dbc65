"""A virtual node: a state of each graph, or of each set, that reads all nodes and feeds all."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.layout import Layout
from eqsets.structure import Structure
from eqsets_permutations.subgraphs.bag_structure import broadcast_to_nodes, reduce_nodes

__all__ = ["SCOPES", "VirtualNode"]

SCOPES = ("element", "set")


class VirtualNode(nn.Module):
    r"""Update the state of a virtual node from all nodes, and add it to each of them.

    .. math:: v \leftarrow v + \mathrm{MLP}\big(v, \textstyle\sum_p x_p\big), \qquad
              x_p \leftarrow x_p + v

    With ``scope="set"`` there is one for each set, which reads the mean over the set of these sums.
    Sums over nodes and means over the set are invariant, so both are equivariant; graphs may have
    any number of nodes. The normalisation is that of each state by itself, so neither padding nor
    the size of the batch matters.

    References:
        Neural Message Passing for Quantum Chemistry, Gilmer et al., ICML 2017,
        https://arxiv.org/abs/1704.01212, section 5.2 ("master node"). As in OGB's examples the
        state is added to all nodes; there it is updated behind a layer, here in front of it, so
        that the first layer has one, too, and no update is without effect.

    Arguments:
        channels: channels of the nodes.
        former: channels of the state before, 0 where there is none. Where they differ from
            ``channels`` the state is not added to the update.
        scope: ``"element"`` or ``"set"``.
    """

    def __init__(self, channels: int, former: int, scope: str) -> None:
        super().__init__()
        self.channels, self.former, self.scope = channels, former, scope
        self.update = nn.Sequential(
            nn.Linear(former + channels, 2 * channels),
            nn.LayerNorm(2 * channels),
            nn.ReLU(),
            nn.Linear(2 * channels, channels),
        )

    def forward(
        self, rows: Tensor, state: Tensor | None, layout: Layout, side: Structure
    ) -> tuple[Tensor, Tensor]:
        """Map rows ``(E, P, C)`` (or nodes ``(R, 1, C)``) to the same and the state.

        Arguments:
            rows: features of nodes.
            state: ``(E, former)``, or ``(B, former)`` of sets; ``None`` for the first.
            layout: which rows form a set.
            side: side information of the batch, which says which nodes form a graph.
        """
        nodes: Any = next(iter(side.rows(layout)), None)
        elements = side.readout_layout(layout)
        pooled = reduce_nodes(rows, nodes, "sum")
        if self.scope == "set":
            pooled = elements.mean(pooled)
        new: Tensor = self.update(pooled if state is None else torch.cat([state, pooled], -1))
        if state is not None and self.former == self.channels:
            new = new + state
        each = elements.spread(new) if self.scope == "set" else new
        return rows + broadcast_to_nodes(each, nodes), new

    def extra_repr(self) -> str:
        return f"{self.channels} channels, one for each {self.scope}"
