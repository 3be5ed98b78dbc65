r"""The invariant part of features: what the elements of a set share where each moves by itself.

.. math:: P = \frac1{|H|} \sum_{h \in H} \rho(h)

The projection is applied in two steps, with a mean over the set between them: elements of different
sizes (graphs in a bag) have the first step in common only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from eqsets.constants import Constants
from eqsets.features.direct_sum import DirectSum

__all__ = ["ConstantPart", "InvariantPart", "LinearPart", "SumPart", "WholePart"]


class InvariantPart(nn.Module, ABC):
    """A projection onto vectors that the group leaves invariant: linear, without weights.

    ``forward`` is ``write`` after ``read``. Both commute with means over elements.
    """

    @abstractmethod
    def read(self, x: Tensor, *side: Any) -> Tensor:
        """Map ``x: (E, *element)`` to invariants ``(E, ...)``, one row for each element.

        Arguments:
            x: features.
            side: side information, as other modules on rows take it.
        """

    def write(self, invariants: Tensor, *side: Any, like: Tensor) -> Tensor:
        """Map what :meth:`read` returns to features that broadcast against ``like``."""
        return invariants

    def forward(self, x: Tensor, *side: Any) -> Tensor:
        """Map ``x: (E, *element)`` to its invariant part, which broadcasts to the same shape."""
        return self.write(self.read(x, *side), *side, like=x)


class WholePart(InvariantPart):
    """All of the features are invariant."""

    def read(self, x: Tensor, *side: Any) -> Tensor:
        return x


class ConstantPart(InvariantPart):
    """The mean of each channel over all components, as under shifts of a grid.

    Arguments:
        channel_axis: axis of the channels, counted from the end.
    """

    def __init__(self, channel_axis: int) -> None:
        super().__init__()
        self.axis = channel_axis

    def read(self, x: Tensor, *side: Any) -> Tensor:
        axes = [axis for axis in range(1, x.dim()) if axis != x.dim() + self.axis]
        return x.mean(axes, True) if axes else x


class LinearPart(InvariantPart):
    r"""A projection :math:`P = V F` by its matrices, for each channel.

    Arguments:
        write: the matrix :math:`V`, float64 ``(d, r)``, columns are invariant vectors.
        read: the matrix :math:`F`, float64 ``(r, d)``, rows are invariant functionals.
        channel_axis: axis of the channels, counted from the end; ``None``: one channel.
    """

    def __init__(self, write: Tensor, read: Tensor, channel_axis: int | None) -> None:
        super().__init__()
        self.axis = channel_axis
        self.constants = Constants(write=write.contiguous(), read=read.contiguous())

    def read(self, x: Tensor, *side: Any) -> Tensor:
        return self.constants.get("read", x) @ self._flat(x)

    def write(self, invariants: Tensor, *side: Any, like: Tensor) -> Tensor:
        flat = self.constants.get("write", invariants) @ invariants
        if self.axis is None:
            return flat.reshape(flat.shape[0], *like.shape[1:])
        last = like.movedim(self.axis, -1)
        return flat.reshape(flat.shape[0], *last.shape[1:]).movedim(-1, self.axis)

    def _flat(self, x: Tensor) -> Tensor:
        last = x.unsqueeze(-1) if self.axis is None else x.movedim(self.axis, -1)
        return last.reshape(x.shape[0], -1, last.shape[-1])


class SumPart(InvariantPart):
    """The invariant parts of the parts of a direct sum.

    Arguments:
        in_type: type of the features.
        parts: by the number of the part; others have none.
    """

    def __init__(self, in_type: DirectSum, parts: Mapping[int, InvariantPart]) -> None:
        super().__init__()
        self.in_type = in_type
        self.parts = nn.ModuleDict({str(number): part for number, part in parts.items()})

    def read(self, x: Tensor, *side: Any) -> Tensor:
        result = []
        for number, one in enumerate(self.in_type.split(x)):
            known = str(number) in self.parts
            result.append(self.parts[str(number)](one) if known else one.new_zeros(one.shape))
        return self.in_type.join(result)
