r"""Normalise the two parts of a layer, each by itself: its own and the one that elements share.

.. math:: L(X)_i = N_1(A (x_i - m)) + N_2(B m), \qquad m = \frac1n \sum_j x_j

for the centred form. The published forms :math:`L_1 x_i + L_2 \, \mathrm{agg}_j x_j` become
:math:`N_1(L_1 x_i) + N_2(L_2 \, \mathrm{agg}_j x_j)`, as the code of Maron et al. 2020 places its
batch norms.

Where elements of a set are similar, their differences are much smaller than their mean. One
normalisation of the sum keeps this ratio, and the network sees the differences only after training
has made the mean smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from eqsets.aggregation.aggregation import Aggregation
from eqsets.aggregation.centered import Centered
from eqsets.errors import FeatureTypeError, choices
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.rows import part_arguments
from eqsets.symmetry import ElementSymmetry

__all__ = ["NORMALIZED_PARTS", "PartNorms", "part_norms"]

NORMALIZED_PARTS: Mapping[str, str] = MappingProxyType(
    {"batch-parts": "batch", "element-parts": "element"}
)
"""The norm of each part, by the name of the normalisation."""

_CENTERED_START = 0.3  # of the norm of the mean; measured on validation sets, see docs/results.md


class PartNorms(nn.Module):
    r"""The norms :math:`N_1` and :math:`N_2` of a layer.

    Arguments:
        symmetry: makes the norms.
        feature_type: of the output of both maps.
        kind: of both norms, as the symmetry takes it.
        start: initial scale of the norm of the common part, relative to that of the other.
    """

    def __init__(
        self, symmetry: ElementSymmetry, feature_type: FeatureType, kind: str, start: float = 1.0
    ) -> None:
        super().__init__()
        self.own, self.common = (symmetry.norm(feature_type, kind) for _ in range(2))
        with torch.no_grad():
            for parameter in self.common.parameters():
                parameter.mul_(start)

    @property
    def biased(self) -> bool:
        """Whether the norms add a bias: then the maps before them need none."""
        return any(name.endswith("bias") for name, _ in self.named_parameters())

    def forward(
        self, layout: Layout, own: Tensor, common: Tensor, *, per_element: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Normalise both parts.

        Arguments:
            layout: which rows are present.
            own: ``(R, *element)``.
            common: ``(B, *element)``, or ``(R, *element)`` if ``per_element``; axes of size 1
                inside an element stand for equal values along them.
            per_element: whether each element has a common part of its own.
        """
        present = layout.present
        local = part_arguments(self.own, layout.parts)
        shared = part_arguments(self.common, layout.parts if per_element else layout.context_parts)
        if own.dim() == common.dim() and own.shape[1:] != common.shape[1:]:
            common = common.expand(-1, *own.shape[1:])  # norms count the values of an element
        normalised: Tensor = self.own(own, present, **local)
        return normalised, self.common(common, present if per_element else None, **shared)


def part_norms(
    symmetry: ElementSymmetry,
    feature_type: FeatureType,
    aggregation: Aggregation,
    kind: str | None,
) -> PartNorms | None:
    """Return the norms of a layer, or ``None`` where it has none.

    Raises:
        FeatureTypeError: the normalisation is unknown, or the type has no such norm.
    """
    if kind is None:
        return None
    kinds = NORMALIZED_PARTS.values()
    if kind not in kinds:
        raise FeatureTypeError(
            f"DSS got part_normalization={kind!r}, which normalises no part of a layer: "
            f"{choices(str(kind), kinds)} Put eqsets.nn.norm behind the layer to normalise its "
            "output as a whole."
        )
    start = _CENTERED_START if isinstance(aggregation, Centered) else 1.0
    return PartNorms(symmetry, feature_type, kind, start)
