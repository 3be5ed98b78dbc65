"""A small builder: widths in, a set network out, whose repr shows the types from layer to layer."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.aggregation import Aggregation, NoAggregation
from eqsets.construction import Construction
from eqsets.dss import DSS
from eqsets.errors import FeatureTypeError
from eqsets.modules import register_module
from eqsets.nn import Aggregations, Readout, SetPool, SetSequential, dropout, nonlinearity
from eqsets.nn.defaults import (
    before_pool,
    chosen_aggregation,
    chosen_element_readout,
    chosen_normalization,
)
from eqsets.nn.ends import run_to_end
from eqsets.nn.former import refused_weights
from eqsets.nn.readout import reductions
from eqsets.normalized import normalized_layer
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve
from eqsets.sets import SetBatch
from eqsets.symmetry import ElementSymmetry

__all__ = ["SetNetwork", "deep_sets"]


@register_module("SetNetwork", former={"readout_aggregation": "mean", "readout_element": "mean"})
class SetNetwork(nn.Module):
    """Stack DSS layers with norm, nonlinearity and dropout between them, and an end of your choice.

    Arguments:
        element_group: name or symmetry.
        features: feature types from the input to the output, at least two, such as ``[3, 32, 16]``.
        aggregation: as for :class:`~eqsets.DSS`. ``"auto"``: the centred form; before a read-out of
            the set ``Centered(start=0.1)``, which is nearly Siamese at first. Where the mean or
            sum over the set follows a centred layer, its differences would cancel: it has one map.
        alignment: as for :class:`~eqsets.DSS`.
        activation: name of the nonlinearity after every layer but the last.
        normalization: before the nonlinearity: ``"element"``, ``"batch"``, or a norm for each of
            the two parts of a layer, ``"element-parts"``, ``"batch-parts"``, see
            :class:`~eqsets.DSS` (layers with one part have one norm), or ``None``.
            ``"auto"``: ``"batch-parts"`` if a read-out scores elements, ``"element"`` if it reads
            the set, if the types allow it, else ``None``.
        dropout_rate: probability to drop a channel of an element, after the nonlinearity.
        readout: length of an invariant output vector ``(B, readout)``; follows a nonlinearity.
        readout_aggregation: how the read-out aggregates over the set: ``"mean"``, ``"max"``,
            ``"sum"``, several of them, or ``"none"``: a vector for each element,
            ``(B, N, readout)``. See :class:`eqsets.nn.Readout`.
        readout_element: how it reads an element: ``"mean"``, ``"max"``, ``"mean+max"`` or
            ``"attention"`` over its points. ``"auto"``: ``"max"`` where the symmetry has a maximum
            of the type, else ``"mean"``, the invariants.
        set_pool: aggregation that reduces the set to one element ``(B, *element)``, or ``None``.
        bias: as for :class:`~eqsets.DSS`.
        context: options of the second map of every layer, as for :class:`~eqsets.DSS`.
        layer_options: what the symmetry's linear layer takes, such as ``kernel_size=3``.

    Raises:
        FeatureTypeError: fewer than two types, both ends asked for, or types that do not fit.

    Example:
        >>> SetNetwork("trivial", [3, 16, 16], readout=2)
        SetNetwork(element_group('trivial'), 738 parameters
          DSS          3 invariants -> 16 invariants
          ElementNorm  16 invariants -> 16 invariants
          ReLU         16 invariants -> 16 invariants
          DSS          16 invariants -> 16 invariants
          ElementNorm  16 invariants -> 16 invariants
          ReLU         16 invariants -> 16 invariants
          Readout      16 invariants -> 2 invariants
        )
    """

    # 1: a read-out was the mean of everything, and nothing was normalised; 2: networks that score
    # elements normalised each element as a whole.
    _version = 3

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        features: Sequence[Any],
        *,
        aggregation: str | Aggregation = "auto",
        alignment: str = "shared",
        activation: str = "relu",
        normalization: str | None = "auto",
        dropout_rate: float = 0.0,
        readout: int | None = None,
        readout_aggregation: Aggregations = "max",
        readout_element: str = "auto",
        set_pool: str | Aggregation | None = None,
        bias: bool = True,
        context: Mapping[str, Any] | None = None,
        **layer_options: Any,
    ) -> None:
        super().__init__()
        if isinstance(features, str) or len(features) < 2:
            raise FeatureTypeError(
                f"SetNetwork got features={features!r}, expected at least two feature types, from "
                "the input to the output. Write for example [3, 32, 16]."
            )
        if readout is not None and set_pool is not None:
            raise FeatureTypeError(
                f"SetNetwork got readout={readout} and set_pool={set_pool!r}, expected one end at "
                "most: a vector, or one element."
            )
        self.symmetry = symmetry = resolve(element_group)
        types = [symmetry.feature_type(spec) for spec in features]
        over_the_set = reductions(readout_aggregation)
        aggregation = chosen_aggregation(aggregation, readout, over_the_set)
        normalization = chosen_normalization(
            normalization, symmetry, types[1:], readout, over_the_set
        )
        readout_element = chosen_element_readout(readout_element, symmetry, types[-1])
        self.construction = Construction(
            SetNetwork,
            symmetry,
            {"features": types},
            {
                "aggregation": aggregation,
                "alignment": alignment,
                "activation": activation,
                "normalization": normalization,
                "dropout_rate": dropout_rate,
                "readout": readout,
                "readout_aggregation": over_the_set,
                "readout_element": readout_element,
                "set_pool": None if set_pool is None else resolve_aggregation(set_pool),
                "bias": bias,
                "context": None if context is None else dict(context),
            },
            layer_options,
        )
        blocks: list[nn.Module] = []
        form = [aggregation] * (len(types) - 1)
        form[-1] = before_pool(aggregation, alignment, set_pool)
        for position, (source, target) in enumerate(pairwise(types)):
            ends = position == len(types) - 2 and readout is None
            blocks += normalized_layer(
                symmetry,
                source,
                target,
                normalization=None if ends else normalization,
                aggregation=form[position],
                alignment=alignment,
                bias=bias,
                context=context,
                **layer_options,
            )
            if ends:
                break
            blocks.append(nonlinearity(symmetry, target, activation))
            if dropout_rate:
                blocks.append(dropout(symmetry, target, dropout_rate))
        if readout is not None:
            end = Readout(symmetry, types[-1], readout, over_the_set, element=readout_element)
            blocks.append(end)
        if set_pool is not None:
            blocks.append(SetPool(symmetry, types[-1], set_pool))
        self.blocks = SetSequential(*blocks)
        self.in_type, self.out_type = self.blocks.in_type, self.blocks.out_type
        self.keeps_set = self.blocks.keeps_set

    def forward(
        self,
        x: Tensor | SetBatch,
        mask: Tensor | None = None,
        *,
        structure: Any = None,
        return_scores: bool = False,
        return_weights: bool = False,
    ) -> Any:
        """Map ``x: (B, N, *element)`` or a SetBatch; see :class:`~eqsets.DSS`.

        Arguments:
            x: sets of elements.
            mask: which are present, ``(B, N)``.
            structure: side information, where the symmetry takes it.
            return_scores: return ``(y, scores)``: what each element contributes to the read-out,
                ``(B, N, readout)`` or ragged; see :class:`eqsets.nn.Readout`.
            return_weights: return ``(y, weights)``: the weights of an end with attention,
                ``(B, N, heads)`` or ragged; see :meth:`eqsets.nn.SetPool.forward`.

        Raises:
            ShapeError: see :class:`~eqsets.DSS`.
            FeatureTypeError: scores of a network without a read-out, or weights without attention.
        """
        side = self.symmetry.structure(structure)  # once for all layers
        return run_to_end(
            self.blocks,
            x,
            mask,
            side,
            return_scores=return_scores,
            return_weights=return_weights,
            owner="SetNetwork",
        )

    def reparametrize(
        self,
        aggregation: str | Aggregation,
        *,
        set_size: int | None = None,
        structure: Any = None,
    ) -> SetNetwork:
        """Return a network with the same function whose layers have other coordinates.

        Arguments and errors as for :meth:`eqsets.DSS.reparametrize`; nothing but the layers
        changes, and no weight is shared with this network.
        """
        call = self.construction
        given = {**call.arguments, "aggregation": resolve_aggregation(aggregation)}
        network = SetNetwork(self.symmetry, **call.types, **given, **call.options)
        layers = network.blocks.layers
        for position, layer in enumerate(self.blocks.layers):
            form = layers[position]
            if isinstance(layer, DSS) and isinstance(form, DSS):
                layers[position] = _as_form(layer, form, set_size, structure)
            else:
                layers[position] = copy.deepcopy(layer)
        return network.train(self.training)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        """Load weights; those of earlier versions belong to networks with other defaults."""
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)
        version = local_metadata.get("version", self._version)
        normalization = self.construction.arguments["normalization"]
        problems = refused_weights(self.blocks, version, normalization, state_dict, prefix)
        args[-1].extend(problems)

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.parameters())
        names = [type(getattr(layer, "module", layer)).__name__ for layer in self.blocks.layers]
        width = max(map(len, names))
        lines = [f"SetNetwork({self.symmetry!r}, {count} parameters"]
        for name, layer in zip(names, self.blocks.layers, strict=True):
            lines.append(f"  {name:<{width}}  {layer.in_type} -> {layer.out_type}")
        return "\n".join([*lines, ")"])


def _as_form(layer: DSS, target: DSS, set_size: int | None, structure: Any) -> DSS:
    """Return a layer with the function of ``layer``, in the form of ``target``, at least pooled.

    The last layer before a pool by the mean or sum has one map in the centred form: that of the
    mean, which the pool takes, too.
    """
    siamese = [isinstance(one.aggregation, NoAggregation) for one in (layer, target)]
    if all(siamese):
        return copy.deepcopy(layer)
    if siamese[1]:
        common = layer.reparametrize("centered", set_size=set_size, structure=structure).aggregate
        target.siamese.load_state_dict({} if common is None else common.state_dict())
    elif siamese[0]:
        target.siamese.load_state_dict(layer.siamese.state_dict())
        with torch.no_grad():
            for weight in () if target.aggregate is None else target.aggregate.parameters():
                weight.zero_()
    else:
        return layer.reparametrize(target.aggregation, set_size=set_size, structure=structure)
    return target.to(next(layer.parameters()))


def deep_sets(
    widths: Sequence[int], *, aggregation: str | Aggregation = "max", activation: str = "elu"
) -> SetNetwork:
    r"""Return a DeepSets head on plain vectors: layers :math:`\sigma(W x_i + V \max_j x_j)`.

    The end that the paper puts behind its encoders, to score the elements of a set.

    Arguments:
        widths: from the input to the output, such as ``[256, 128, 1]``.
        aggregation: the paper's is the maximum.
        activation: between the layers.

    Example:
        >>> import torch
        >>> deep_sets([4, 8, 1])(torch.randn(2, 5, 4)).shape
        torch.Size([2, 5, 1])
    """
    return SetNetwork(
        "trivial", widths, aggregation=aggregation, activation=activation, normalization=None
    )
