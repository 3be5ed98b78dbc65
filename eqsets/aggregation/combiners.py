"""How the local output of an element and its context become the output of a layer.

A combiner is an immutable object without state. It says which type and which bias the local map
has, and joins both tensors; a layer holds no rule of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.sets import SetBatch

__all__ = ["Add", "AddCentered", "AddGated", "Combiner", "Concatenate", "Subtract"]


class Combiner(ABC):
    """Join the local output ``(R, *element)`` with a context.

    The context has one element a set, ``(B, *element)``, or one a row, ``(R, *element)``
    (``per_element``); axes of size 1 inside an element broadcast.

    Attributes:
        adds_parts: whether the output is the sum of what an element has of its own and of what it
            shares, so that each can be normalised by itself.
    """

    adds_parts: ClassVar[bool] = False

    def local_type(self, out_type: FeatureType) -> FeatureType:
        """Return the type of the local output, and of the context, for a layer's output type.

        Raises:
            FeatureTypeError: the output type cannot be composed of a local part and a context.
        """
        return out_type

    def local_bias(self, bias: bool) -> bool:
        """Return whether the local map has the bias that the layer is asked for."""
        return bias

    def context_bias(self, bias: bool) -> bool:
        """Return whether the map of the context has it; by default it does not."""
        return False

    @abstractmethod
    def combine(
        self,
        layout: Layout,
        local: Tensor,
        context: Tensor,
        *,
        out_type: FeatureType,
        per_element: bool = False,
    ) -> Tensor | SetBatch:
        """Return the output in the layout of the input.

        Arguments:
            layout: which rows form a set.
            local: ``(R, *element)``, of type ``local_type(out_type)``.
            context: ``(B, *element)``, or ``(R, *element)`` if ``per_element``.
            out_type: type of the output.
            per_element: whether each element has a context of its own.
        """


@dataclass(frozen=True)
class Add(Combiner):
    r"""The sum: :math:`y_i = a_i + c_i`."""

    adds_parts = True

    def combine(
        self,
        layout: Layout,
        local: Tensor,
        context: Tensor,
        *,
        out_type: FeatureType,
        per_element: bool = False,
    ) -> Tensor | SetBatch:
        return layout.restore(local + context) if per_element else layout.add(local, context)


@dataclass(frozen=True)
class AddCentered(Add):
    r"""The sum of a map of the differences and one of the mean: the bias is on the mean, once.

    The context holds what the local map makes of the mean with the opposite sign.
    """

    def local_bias(self, bias: bool) -> bool:
        return False

    def context_bias(self, bias: bool) -> bool:
        return bias


@dataclass(frozen=True)
class AddGated(Add):
    r"""The sum of a map of each element and a context that is the difference of two maps.

    Both maps have the bias. The context is one part and has no norm of its own.
    """

    adds_parts = False

    def context_bias(self, bias: bool) -> bool:
        return bias


@dataclass(frozen=True)
class Subtract(Add):
    r"""The difference, :math:`y_i = a_i - c_i`, where the context is the mean of the local output.

    The local map has no bias: it would cancel against its own mean, a weight that never learns.
    """

    adds_parts = False

    def local_bias(self, bias: bool) -> bool:
        return False

    def combine(
        self,
        layout: Layout,
        local: Tensor,
        context: Tensor,
        *,
        out_type: FeatureType,
        per_element: bool = False,
    ) -> Tensor | SetBatch:
        return super().combine(layout, local, -context, out_type=out_type, per_element=per_element)


@dataclass(frozen=True)
class Concatenate(Combiner):
    r"""Both side by side, :math:`y_i = [\, a_i \,;\, c_i \,]`: each has half of the channels."""

    def local_type(self, out_type: FeatureType) -> FeatureType:
        if out_type.channels % 2:
            raise FeatureTypeError(
                f"{self!r} composes the output of two halves, got {out_type.channels} channels in "
                f"{out_type!r}, expected an even number. Add or remove one channel."
            )
        return out_type.with_channels(out_type.channels // 2)

    def combine(
        self,
        layout: Layout,
        local: Tensor,
        context: Tensor,
        *,
        out_type: FeatureType,
        per_element: bool = False,
    ) -> Tensor | SetBatch:
        context = context.expand(-1, *local.shape[1:])
        context = context if per_element else layout.spread(context)
        return layout.restore(out_type.concatenate([local, context]))
