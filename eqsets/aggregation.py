r"""How the elements of a set share information: one strategy a class.

With :math:`a_i = L_1 x_i` the own branch, the layer of each strategy is

====================  ==========================================================
``sum``               :math:`a_i + L_2 \sum_j x_j`
``mean``              :math:`a_i + L_2 \frac1n \sum_j x_j`
``max``               :math:`a_i + L_2 \max_j x_j`
``none``              :math:`a_i` (Siamese)
``sridhar``           :math:`a_i - \frac1n \sum_j a_j` (Sridhar et al. 2019)
``aittala``           :math:`[\, a_i \,;\, \max_j a_j \,]` (Aittala and Durand 2018)
====================  ==========================================================

Reference: On Learning Sets of Symmetric Elements, Maron et al., ICML 2020, section 4 and appendix.
A plugin adds a strategy by one class with ``reduce`` and the hook ``eqsets_aggregations``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.layout import Layout

__all__ = ["Aggregation", "Aittala", "Max", "Mean", "NoAggregation", "Sridhar", "Sum"]


class Aggregation(ABC):
    """How a set becomes one context element, and how that context joins each element.

    Attributes:
        source: ``"input"`` aggregates the inputs and maps the result by L2 (cheap: one map a set);
            ``"output"`` aggregates the outputs of L1; ``"none"`` shares nothing.
        combine: ``"add"``, ``"subtract"`` or ``"concatenate"`` (halves the channels of L1).
        pointwise_only: whether ``reduce`` compares component by component: needs a pointwise type.
    """

    source: str = "input"
    combine: str = "add"
    pointwise_only: bool = False

    @abstractmethod
    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        """Return one element for each set, ``(B, *element)``, in whatever order the rows come."""

    def check(self, feature_type: FeatureType) -> None:
        """Raise :class:`~eqsets.FeatureTypeError` if reducing this type breaks its symmetry."""
        if self.pointwise_only and not feature_type.pointwise:
            raise FeatureTypeError(
                f"aggregation {self!r} compares component by component, which breaks the symmetry "
                f"of {feature_type!r}. Use a pointwise type (permutation-like features such as "
                "trivial or regular ones), or aggregation 'sum' or 'mean'."
            )

    def own_type(self, out_type: FeatureType) -> FeatureType:
        """Return the type of the own branch: half of it where the context is concatenated."""
        if self.combine != "concatenate":
            return out_type
        if out_type.channels % 2:
            raise FeatureTypeError(
                f"aggregation {self!r} concatenates two halves, got {out_type.channels} channels "
                f"in {out_type!r}, expected an even number."
            )
        return out_type.with_channels(out_type.channels // 2)


@dataclass(frozen=True)
class Sum(Aggregation):
    """The sum over the set: with L1 and L2 complete, *all* linear equivariant maps (Theorem 1)."""

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.sum(rows)


@dataclass(frozen=True)
class Mean(Aggregation):
    """The mean over the set: as the sum, with a scale that does not grow with the set."""

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.mean(rows)


@dataclass(frozen=True)
class Max(Aggregation):
    """The componentwise maximum over the set."""

    pointwise_only = True

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.max(rows)


@dataclass(frozen=True)
class NoAggregation(Aggregation):
    """Nothing is shared: the Siamese layer."""

    source = "none"

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        raise AssertionError("the Siamese layer has no context to reduce to")


@dataclass(frozen=True)
class Sridhar(Aggregation):
    """Subtract the mean of the own branch: no second map."""

    source = "output"
    combine = "subtract"

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.mean(rows)


@dataclass(frozen=True)
class Aittala(Aggregation):
    """Concatenate the maximum of the own branch: each takes half of the output channels."""

    source = "output"
    combine = "concatenate"
    pointwise_only = True

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.max(rows)
