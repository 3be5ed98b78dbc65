"""Any convolution of PyG, or one of your own, as the element layer of a set."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError, PluginError, ShapeError
from eqsets.errors import choices
from eqsets_permutations.categories import ColumnEmbedding
from eqsets_permutations.convolution.batching import disjoint_union, rows_to_nodes
from eqsets_permutations.convolution.linear import mlp
from eqsets_permutations.edges import is_whole
from eqsets_permutations.subgraphs.bag_structure import NodeSide

__all__ = ["PyGConvolution", "no_categories", "pyg_convolution"]


class PyGConvolution(nn.Module):
    """Run a convolution ``conv(x, edge_index, ...)`` on all elements as one disjoint union.

    Arguments:
        conv: the convolution; edge weights and features reach it by the names ``edge_weight`` and
            ``edge_attr``.
        out_channels: what it must return, ``(nodes, out_channels)``.
        name: how to call it in messages.
        edge_embedding: embeds whole numbers, the categories of edges, as ``edge_attr``; or
            ``None`` where edges have features.

    Raises:
        FeatureTypeError: categories are embedded, and the convolution takes no ``edge_attr``.
    """

    def __init__(
        self,
        conv: nn.Module,
        out_channels: int,
        name: str,
        edge_embedding: ColumnEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.conv, self.out_channels, self.name = conv, out_channels, name
        taken = inspect.signature(conv.forward).parameters
        self._takes = tuple(key for key in ("edge_weight", "edge_attr") if key in taken)
        if edge_embedding is not None and "edge_attr" not in self._takes:
            raise FeatureTypeError(no_categories(name))
        self.edge_embedding = edge_embedding

    def forward(self, rows: Tensor, edges: NodeSide = None) -> Tensor:
        """Map ``rows: (E, P, C)`` to ``(E, P, C')``.

        Raises:
            ShapeError: there are no edges, or the convolution returns something else.
            FeatureTypeError: the edges have weights or features that it does not take.
        """
        _, own = rows_to_nodes(rows, edges, self.name)
        count, points, channels = rows.shape
        union = disjoint_union(own, count, points)
        given = {"edge_weight": union.weight, "edge_attr": union.attr}
        for key, values in given.items():
            if values is not None and key not in self._takes:
                raise FeatureTypeError(
                    f"convolution {self.name!r} got {key} {tuple(values.shape)}, which it does not "
                    "take: expected none. Use another convolution, or leave them out of the edges."
                )
        given["edge_attr"] = self._edge_features(union.attr)
        side = {key: values for key, values in given.items() if values is not None}
        y = self._convolve(rows.reshape(count * points, channels), union.index, side)
        if not isinstance(y, Tensor) or y.shape != (count * points, self.out_channels):
            got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ShapeError(
                f"convolution {self.name!r} returned {got}, expected {count * points} nodes of "
                f"{self.out_channels} channels. Give it options that return that many."
            )
        return y.reshape(count, points, self.out_channels)

    def _edge_features(self, attr: Tensor | None) -> Tensor | None:
        if self.edge_embedding is None:
            if attr is not None and is_whole(attr):
                raise FeatureTypeError(
                    f"convolution {self.name!r} got edge features of {attr.dtype}, expected "
                    "floating point: whole numbers are categories. Embed them with "
                    "edge_categories=[...], the number of categories of each column."
                )
            return attr
        if attr is None:
            raise ShapeError(
                f"convolution {self.name!r} with edge_categories="
                f"{list(self.edge_embedding.sizes)} got edges without attributes, expected whole "
                "numbers (M, columns). Pass them as edge_attr of the graphs, or as attr of Edges."
            )
        embedded: Tensor = self.edge_embedding(attr)
        return embedded

    def _convolve(self, x: Tensor, index: Tensor, side: dict[str, Tensor]) -> Tensor:
        side = {key: values.to(x.dtype) for key, values in side.items()}
        y: Tensor
        if torch.compiler.is_compiling():
            y = self.conv(x, index, **side)
            return y
        given = " and ".join(side) or "no weights or features"
        try:
            y = self.conv(x, index, **side)
        except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise ShapeError(
                f"convolution {self.name!r} failed on {tuple(x.shape)} nodes and {index.shape[1]} "
                f"edges with {given}: {type(error).__name__}: {error}. Expected what its class "
                "takes; give it the edge features it wants, or options such as edge_dim=."
            ) from error
        weight = side.get("edge_weight")
        if weight is not None and weight.device.type == "cpu" and bool((weight < 0).any()):
            self._require_numbers(x, weight, y)
        return y

    def _require_numbers(self, x: Tensor, weight: Tensor, y: Tensor) -> None:
        if isinstance(y, Tensor) and bool(y.isnan().any()) and not bool(x.isnan().any()):
            raise FeatureTypeError(
                f"convolution {self.name!r} made NaN from edge weights down to "
                f"{float(weight.min()):.3g}: expected weights of at least 0, since it takes roots "
                "of their sums. Use conv='graph' for negative weights."
            )


def pyg_convolution(
    conv: str | Callable[..., nn.Module],
    in_channels: int,
    out_channels: int,
    bias: bool,
    options: dict[str, Any],
    edge_categories: Any = None,
) -> PyGConvolution:
    """Return a convolution of PyG by its short name, or what a callable builds.

    Arguments:
        conv: ``"gat"`` for ``GATConv`` and so on, or ``conv(in_channels, out_channels, **options)``
            that returns a module.
        in_channels: channels of the input.
        out_channels: channels of the output; the heads of an attention share them.
        bias: passed on where the convolution takes it. The biases of a convolution of PyG that has
            no such option become constants, 0 unless a state that is loaded says otherwise; what a
            callable builds without being asked for a bias stays as it is.
        options: passed on.
        edge_categories: number of categories of each column of ``edge_attr``, which are embedded
            to ``edge_dim`` channels, ``in_channels`` unless given; ``None`` for features.

    Raises:
        PluginError: there is no such name, or torch_geometric cannot be imported.
        FeatureTypeError: the convolution does not take the options, or would store the first graph.
    """
    build, name = (_find(conv), conv) if isinstance(conv, str) else (conv, _name(conv))
    taken = inspect.signature(build).parameters
    if "bias" in taken:
        options = {"bias": bias, **options}
    embedding = None
    if edge_categories is not None:
        embedding = _edge_embedding(edge_categories, options.get("edge_dim", in_channels), name)
        if "edge_dim" in taken:
            options = {**options, "edge_dim": embedding.out_channels}
    width = _width_of_heads(conv, name, out_channels, options)
    sizes: tuple[Any, ...] = (in_channels, width)
    if isinstance(conv, str) and "nn" in taken and "in_channels" not in taken:
        sizes = (mlp(in_channels, width, bias),)
    try:
        module = build(*sizes, **options)
    except (AssertionError, AttributeError, ImportError, TypeError, ValueError) as error:
        raise FeatureTypeError(
            f"convolution {name!r} could not be built for {in_channels} -> {width} channels with "
            f"the options {options}: {error}. Expected its own options; pass a callable "
            "conv=lambda inputs, outputs: ... for one that is built in another way."
        ) from error
    if any(getattr(part, "cached", False) for part in module.modules()):
        raise FeatureTypeError(
            f"convolution {name!r} got cached=True, expected False: it would store the first graph "
            "and use it for every other one. Leave it out."
        )
    if isinstance(conv, str) and not bias and "bias" not in taken:
        _without_biases(module)
    return PyGConvolution(module, out_channels, name, embedding)


def _edge_embedding(sizes: Any, edge_dim: Any, name: str) -> ColumnEmbedding:
    if isinstance(edge_dim, bool) or not isinstance(edge_dim, int) or edge_dim < 1:
        raise FeatureTypeError(
            f"convolution {name!r} got edge_dim={edge_dim!r}, expected a whole number of at "
            "least 1: the channels that the categories of edges are embedded to."
        )
    return ColumnEmbedding(sizes, edge_dim, f"edge_categories of convolution {name!r}")


def _width_of_heads(conv: object, name: str, out_channels: int, options: dict[str, Any]) -> int:
    """Return the channels of each head of an attention, ``out_channels`` without heads."""
    heads = options.get("heads", 1)
    if isinstance(heads, bool) or not isinstance(heads, int) or heads < 1:
        raise FeatureTypeError(
            f"convolution {name!r} got heads={heads!r}, expected a whole number of at least 1. "
            "Write heads=4."
        )
    if not isinstance(conv, str) or heads == 1 or not options.get("concat", True):
        return out_channels
    if out_channels % heads:
        raise FeatureTypeError(
            f"convolution {name!r} got {heads} heads for {out_channels} channels, expected a "
            "divisor of the channels. Choose another number, or concat=False."
        )
    return out_channels // heads


def no_categories(name: object) -> str:
    """Return the message for categories of edges that a layer does not take."""
    return (
        f"convolution {name!r} got edge_categories, but takes no edge features, expected one that "
        "does. Use conv='gine', 'gat' or 'transformer', or leave edge_categories out."
    )


def _without_biases(module: nn.Module) -> None:
    """Make constants of the parameters that are called ``bias``, under the same keys."""
    for part in module.modules():
        bias = part._parameters.get("bias")
        if bias is not None:
            del part.bias
            part.register_buffer("bias", torch.zeros_like(bias.data))


def _name(conv: Callable[..., nn.Module]) -> str:
    return getattr(conv, "__name__", type(conv).__name__)


def _find(name: str) -> Callable[..., nn.Module]:
    try:
        library = importlib.import_module("torch_geometric.nn.conv")
    except ImportError as error:
        raise PluginError(
            f"convolution {name!r} needs torch_geometric, which cannot be imported ({error}). "
            "Install it with: pip install torch_geometric"
        ) from error
    known = {
        short.removesuffix("Conv").lower(): short
        for short in library.__all__
        if short.endswith("Conv")
    }
    if name not in known:
        raise PluginError(f"unknown convolution {name!r}: {choices(name, {*known, 'linear'})}")
    convolution: Callable[..., nn.Module] = getattr(library, known[name])
    return convolution
