"""A DSS layer followed by, or holding, a normalisation: what builders of networks stack."""

from __future__ import annotations

from typing import Any

from torch import nn

from eqsets.aggregation import Aggregation, NoAggregation
from eqsets.aggregation.part_norms import NORMALIZED_PARTS
from eqsets.dss import DSS
from eqsets.nn import norm
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.symmetry import ElementSymmetry

__all__ = ["norm_kind", "normalized_layer"]


def norm_kind(normalization: str | None) -> str | None:
    """Return the kind of a norm of whole features: that of the parts, where these are named."""
    return NORMALIZED_PARTS.get(normalization or "", normalization)


def normalized_layer(
    symmetry: ElementSymmetry,
    in_features: Any,
    out_features: Any,
    *,
    normalization: str | None,
    aggregation: str | Aggregation,
    **options: Any,
) -> list[nn.Module]:
    """Return a DSS layer whose output is normalised, as one or two modules.

    Arguments:
        symmetry: of the elements.
        in_features: feature type of the input.
        out_features: feature type of the output.
        normalization: ``"batch-parts"``, ``"element-parts"``: in the layer, for each of its two
            parts; behind it where it has only one (Siamese, Sridhar, Aittala). ``"batch"``,
            ``"element"``: behind it. ``None``: none.
        aggregation: as for :class:`~eqsets.DSS`.
        options: of the layer.

    Raises:
        FeatureTypeError: see :class:`~eqsets.DSS`.
    """
    aggregation = resolve_aggregation(aggregation)
    two = aggregation.combiner.adds_parts and not isinstance(aggregation, NoAggregation)
    if normalization is not None and normalization in NORMALIZED_PARTS and two:
        options["part_normalization"] = NORMALIZED_PARTS[normalization]
    layer = DSS(symmetry, in_features, out_features, aggregation=aggregation, **options)
    kind = norm_kind(normalization)
    if kind is None or layer.part_norms is not None:
        return [layer]
    return [layer, norm(symmetry, layer.out_type, kind)]
