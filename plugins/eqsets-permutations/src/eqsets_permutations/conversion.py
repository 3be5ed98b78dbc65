"""Networks of PyG as networks of sets: how ``eqsets.set_aware`` calls them and their convolutions.

A network of PyG takes the nodes of all graphs of a batch, ``(nodes, C)``, and one ``edge_index``.
The elements of all sets become such a batch; the mean of a set is a graph on the same nodes.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError, ShapeError
from eqsets.symmetry import Conversion, SetCall
from eqsets_permutations.edges import Edges

__all__ = ["GraphCall", "NodeConversion", "call_graph_network"]


@dataclass(frozen=True, eq=False)
class GraphCall(SetCall):
    """Sets of graphs, as batches of PyG.

    Arguments:
        points: nodes of each graph.
        rows: one graph for each element.
        sets: one graph for each set.
    """

    points: int
    rows: Edges
    sets: Edges


class NodeConversion(Conversion):
    """Modules on nodes ``(R * P, C)``, or on one vector for each graph, ``(R, C)``.

    Convolutions get the edges of the set where they have those of the elements.
    """

    def reads_rows(self, call: SetCall, x: Any) -> bool:
        return super().reads_rows(call, x) or self._on_nodes(call, x)

    def reduce(
        self, module: nn.Module, call: SetCall, x: Any, arguments: tuple[Any, ...], options: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if not isinstance(call, GraphCall) or not self._on_nodes(call, x):
            return super().reduce(module, call, x, arguments, options)
        nodes = x.reshape(call.layout.num_rows, call.points, *x.shape[1:])
        mean = call.layout.mean(nodes).flatten(0, 1)
        given = inspect.signature(module.forward).bind(x, *arguments, **options)
        _, *rest = given.arguments.items()
        known = {
            "edge_index": (call.rows.index, call.sets.index),
            "edge_weight": (call.rows.weight, call.sets.weight),
            "edge_attr": (call.rows.attr, call.sets.attr),
        }
        named: dict[str, Any] = {}
        for name, value in rest:
            before, after = known.get(name, (None, None))
            if value is not None and (before is None or value.shape != before.shape):
                raise ShapeError(
                    f"{type(module).__name__} got {name}, expected the edges that the network was "
                    "called with, as edge_index, edge_weight and edge_attr: those of a set follow "
                    "from these alone. Leave the layer out: set_aware(..., layers=[...])."
                )
            named[name] = None if value is None else after
        return (mean,), named

    def add(self, call: SetCall, y: Any, context: Any) -> Any:
        if not isinstance(call, GraphCall) or len(context) == call.layout.num_sets:
            return super().add(call, y, context)
        graphs = context.reshape(call.layout.num_sets, call.points, *context.shape[1:])
        return y + call.layout.spread(graphs).reshape(y.shape)

    def invariant_part(self, module: nn.Module, call: SetCall, x: Any, *, output: bool) -> Any:
        if not isinstance(call, GraphCall):
            return super().invariant_part(module, call, x, output=output)
        raise FeatureTypeError(
            "set_aware of a network of PyG got alignment='independent', expected 'shared': which "
            "nodes belong to a graph is not known to its layers. Use alignment='shared'."
        )

    def _on_nodes(self, call: SetCall, x: Any) -> bool:
        if not isinstance(call, GraphCall) or not isinstance(x, Tensor) or x.dim() < 2:
            return False
        return x.shape[0] == call.layout.num_rows * call.points


def call_graph_network(model: nn.Module, rows: Tensor, call: GraphCall) -> Any:
    """Call a network of PyG with a batch of graphs, and return rows.

    It is given what its ``forward`` takes by the names ``edge_index``, ``edge_weight``,
    ``edge_attr`` and ``batch``. Outputs on nodes become ``(R, P, C)``.

    Raises:
        FeatureTypeError: the edges have weights or features that it does not take.
    """
    inner = getattr(model, "local", model)
    taken = inspect.signature(inner.forward).parameters
    count, points = rows.shape[:2]
    edges = {
        "edge_index": call.rows.index,
        "edge_weight": call.rows.weight,
        "edge_attr": call.rows.attr,
    }
    for name, values in edges.items():
        if values is not None and name not in taken:
            raise FeatureTypeError(
                f"{type(inner).__name__} got {name}, which its forward does not take, only "
                f"{list(taken)}. Leave it out of structure=, or add the argument."
            )
    if "batch" in taken:
        edges["batch"] = torch.arange(count, device=rows.device).repeat_interleave(points)
    given = {name: values for name, values in edges.items() if values is not None}
    y = model(rows.flatten(0, 1), **given)
    if isinstance(y, Tensor) and y.dim() > 0 and y.shape[0] == count * points != count:
        return y.reshape(count, points, *y.shape[1:])
    return y
