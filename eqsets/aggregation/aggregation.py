r"""How the elements of a set share information: one class for each way.

With :math:`a_i = L_1 x_i` the output of the local map, the layers are

====================  ==========================================================
``sum``               :math:`a_i + L_2 \sum_j x_j`
``mean``              :math:`a_i + L_2 \frac1n \sum_j x_j`
``max``               :math:`a_i + L_2 \max_j x_j`
``mapped-max``        :math:`a_i + \max_j L_2 x_j`, see :mod:`eqsets.aggregation.mapped`
``centered``          :math:`A (x_i - m) + B m`, :math:`m = \frac1n \sum_j x_j`, see
                      :mod:`eqsets.aggregation.centered`
``gated-centered``    :math:`A x_i + g\, (B m - A m)`, the number :math:`g` learned, see
                      :mod:`eqsets.aggregation.gated_centered`
``none``              :math:`a_i` (Siamese)
``sridhar``           :math:`a_i - \frac1n \sum_j a_j` (Sridhar et al. 2019)
``aittala``           :math:`[\, a_i \,;\, \max_j a_j \,]` (Aittala and Durand 2018)
``attention``         :math:`a_i + \sum_j w_{ij} V x_j`, see :mod:`eqsets.aggregation.attention`
``gated-attention``   :math:`a_i + L_2 \sum_j w_j x_j`, see
                      :mod:`eqsets.aggregation.attention_pool`
====================  ==========================================================

An aggregation is an immutable description. It *builds* a module for each layer, so one description
serves many layers, and none of them shares weights with another. A plugin adds one by a class, with
``reduce`` alone or with ``build``, and the hook ``eqsets_aggregations``.

Reference: On Learning Sets of Symmetric Elements, Maron et al., ICML 2020, section 4 and appendix.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from eqsets.aggregation.combiners import Add, Combiner, Concatenate, Subtract
from eqsets.aggregation.context import Context, InvariantContext, MappedContext, ReducedContext
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.symmetry import ElementSymmetry

__all__ = ["Aggregation", "Aittala", "Max", "Mean", "NoAggregation", "Sridhar", "Sum"]


def _translate(cls: type[Aggregation]) -> None:
    """Read the attributes ``source`` and ``combine`` of version 0.1; to be removed after 0.2."""
    own = vars(cls)
    if not {"source", "combine"} & set(own):
        return
    warnings.warn(
        f"{cls.__name__} defines source= or combine=, which eqsets 0.2 replaces by reads_local= "
        "(whether reduce gets the output of the local map) and combiner= (an object of "
        "eqsets.aggregation.combiners). Define these instead.",
        DeprecationWarning,
        stacklevel=4,
    )
    if "combine" in own:
        cls.combiner = {"add": Add(), "subtract": Subtract(), "concatenate": Concatenate()}[
            own["combine"]
        ]
    if "source" in own:
        cls.reads_local = own["source"] == "output"
        if own["source"] == "none":
            cls.build = NoAggregation.build  # type: ignore[assignment, method-assign]


class Aggregation:
    """What an element learns of its set, and how that joins its own features.

    A subclass defines ``reduce``, from which ``build`` makes the standard context: reduce the
    input, then map it by L2 (shared alignment), or reduce invariants and write them into features
    (independent alignment). Or it defines ``build``, and returns a context module of its own.

    Attributes:
        combiner: how the local output and the context become the output.
        reads_local: whether ``reduce`` is given the output of the local map instead of the input;
            then there is no second map.
        pointwise_only: whether ``reduce`` compares component by component: needs a pointwise type.
    """

    combiner: ClassVar[Combiner] = Add()
    reads_local: ClassVar[bool] = False
    pointwise_only: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _translate(cls)
        if "reduce" in vars(cls) and "reduce_input" not in vars(cls):
            # that of a parent would bypass the new reduce
            cls.reduce_input = Aggregation.reduce_input  # type: ignore[method-assign]

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        """Return one element for each set, ``(B, *element)``, in whatever order the rows come."""
        raise FeatureTypeError(
            f"aggregation {self!r} reduces no set to one element, expected one that does, such as "
            "'mean', 'sum' or 'max'. Define reduce on its class, or choose another aggregation."
        )

    def reduce_input(self, layout: Layout, rows: Tensor) -> Tensor:
        """Return :meth:`reduce` of the rows of the input.

        Overridden for speed only: ``layout.folded`` is the input before it became rows.
        """
        return self.reduce(layout, rows)

    @property
    def reduces_input(self) -> bool:
        """Whether it reduces a set of any features to one element, as the end of a network does."""
        return type(self).reduce is not Aggregation.reduce and not self.reads_local

    def element_weights(self, features: int) -> nn.Module | None:
        """Return a module that weighs elements by their invariants, for a pool with attention.

        The module maps ``(layout, invariants (E, features))`` to weights ``(E, heads)`` that sum
        to one over each set, and has the attribute ``heads``. ``None`` where there is no attention.

        Arguments:
            features: number of invariants of an element.
        """
        return None

    def build(
        self,
        symmetry: ElementSymmetry,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        alignment: str = "shared",
        bias: bool = False,
        **layer_options: Any,
    ) -> Context | None:
        """Return a new context module, or ``None`` where elements share nothing.

        Arguments:
            symmetry: of an element: makes equivariant linear maps, invariants and embeddings.
            in_type: type of the input.
            out_type: type of the context, that of the local output.
            alignment: ``"shared"`` or ``"independent"``.
            bias: whether the map of the context has a bias.
            layer_options: of the symmetry's linear layer, such as ``kernel_size=3``.

        Raises:
            FeatureTypeError: the aggregation breaks the symmetry of a type, or the symmetry has no
                such layer.
        """
        read_type = out_type if self.reads_local else in_type
        if alignment == "independent":
            invariant = symmetry.shared_invariant(read_type)
            embedding = symmetry.embed(invariant.features, out_type)  # type: ignore[arg-type]
            return InvariantContext(self, invariant, embedding, of_local=self.reads_local)
        self.check(read_type)
        if self.reads_local:
            return ReducedContext(self)
        return MappedContext(self, symmetry.linear(in_type, out_type, bias=bias, **layer_options))

    def check(self, feature_type: FeatureType) -> None:
        """Raise :class:`~eqsets.FeatureTypeError` if reducing this type breaks its symmetry."""
        if self.pointwise_only and not feature_type.pointwise:
            raise FeatureTypeError(
                f"aggregation {self!r} compares component by component, which breaks the symmetry "
                f"of {feature_type!r}. Use a pointwise type (permutation-like features such as "
                "trivial or regular ones), or aggregation 'sum' or 'mean'."
            )


@dataclass(frozen=True)
class Sum(Aggregation):
    """The sum over the set: with L1 and L2 complete, *all* linear equivariant maps (Theorem 1)."""

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.sum(rows)

    def reduce_input(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.sum(rows, folded=layout.folded)


@dataclass(frozen=True)
class Mean(Aggregation):
    """The mean over the set: as the sum, with a scale that does not grow with the set."""

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.mean(rows)

    def reduce_input(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.mean(rows, folded=layout.folded)


@dataclass(frozen=True)
class Max(Aggregation):
    """The componentwise maximum over the set."""

    pointwise_only = True

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.max(rows)

    def reduce_input(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.max(rows, folded=layout.folded)


@dataclass(frozen=True)
class NoAggregation(Aggregation):
    """Nothing is shared: the Siamese layer."""

    def build(
        self,
        symmetry: ElementSymmetry,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        alignment: str = "shared",
        bias: bool = False,
        **layer_options: Any,
    ) -> None:
        return None


@dataclass(frozen=True)
class Sridhar(Aggregation):
    """Subtract the mean of the local output: no second map."""

    combiner = Subtract()
    reads_local = True

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.mean(rows)


@dataclass(frozen=True)
class Aittala(Aggregation):
    """Concatenate the maximum of the local output: each takes half of the output channels."""

    combiner = Concatenate()
    reads_local = True
    pointwise_only = True

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.max(rows)
