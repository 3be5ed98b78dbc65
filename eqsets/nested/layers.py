"""The layers of a set as element: those of its members, and DSS among them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from eqsets.dss import DSS
from eqsets.errors import FeatureTypeError
from eqsets.rows import InvariantPart

__all__ = ["MemberEmbedding", "MemberInvariant", "MemberLinear", "MemberPart"]


class MemberLinear(nn.Module):
    """Apply a DSS layer to the members of each element, ``(E, M, *in)`` to ``(E, M, *out)``."""

    def __init__(self, layer: DSS) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, structure: tuple[Any, Any] | None = None) -> Tensor:
        """Map ``x: (E, M, *member)``; the layer gets the structure as users give it."""
        y = self.layer(x, structure=None if structure is None else structure[0])
        if not isinstance(y, Tensor):
            raise AssertionError("DSS returns a tensor for a tensor")
        return y


class MemberInvariant(nn.Module):
    r"""Read the mean over the members of each one's invariants, :math:`\frac1M \sum_i u(x_i)`.

    Arguments:
        inner: the invariants of a member.
        maximum: take the maximum over the members instead.

    Attributes:
        features: number of invariants, that of the inner symmetry.
    """

    def __init__(self, inner: nn.Module, *, maximum: bool = False) -> None:
        super().__init__()
        self.inner, self.maximum = inner, maximum
        if not isinstance(inner.features, int):
            raise FeatureTypeError("invariant modules say how many .features they read out")
        self.features = inner.features

    def forward(self, x: Tensor, structure: tuple[Any, Any] | None = None) -> Tensor:
        """Map ``x: (E, M, *member)`` to ``(E, features)``."""
        side = () if structure is None else (structure[1],)
        u: Tensor = self.inner(x.flatten(0, 1), *side)
        members = u.reshape(x.shape[0], x.shape[1], self.features)
        return members.amax(1) if self.maximum else members.mean(1)


class MemberEmbedding(nn.Module):
    """Write the same invariants into every member."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(
        self, invariants: Tensor, structure: tuple[Any, Any] | None = None, *, like: Tensor
    ) -> Tensor:
        """Map ``(E, features)`` to features that broadcast against ``like: (E, M, *member)``."""
        side = () if structure is None else (structure[1],)
        y: Tensor = self.inner(invariants, *side, like=like.flatten(0, 1))
        return y.unsqueeze(1)


class MemberPart(InvariantPart):
    """The mean over the members of the invariant part of each.

    Arguments:
        inner: that of a member.
    """

    def __init__(self, inner: InvariantPart) -> None:
        super().__init__()
        self.inner = inner

    def read(self, x: Tensor, *side: Any) -> Tensor:
        invariants = self.inner.read(x.flatten(0, 1), *_of_members(side))
        return invariants.reshape(*x.shape[:2], *invariants.shape[1:]).mean(1)

    def write(self, invariants: Tensor, *side: Any, like: Tensor) -> Tensor:
        part = self.inner.write(invariants, *_of_members(side), like=like.flatten(0, 1))
        return part.unsqueeze(1)


def _of_members(side: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the side information of any member, from the pair that modules of a set take."""
    return () if not side or side[0] is None else (side[0][1],)
