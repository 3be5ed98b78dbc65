"""The maximum over the points that the group may exchange: an invariant that is not linear."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.constants import Constants, on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.features.direct_sum import DirectSum
from eqsets.solve.action import Action, Channels
from eqsets.solve.orbits import point_orbits

__all__ = ["OrbitMaximum", "SumMaximum"]


class OrbitMaximum(nn.Module):
    r"""Read the maximum of each channel over each orbit of points: no weights.

    .. math:: u_{r c} = \max_{p \in r} x_{p c}

    Arguments:
        in_type: type of the input, whose action permutes components.
        action: of the group on one channel.

    Attributes:
        features: number of invariants of one element.

    Raises:
        FeatureTypeError: the action mixes components, so that a maximum is not invariant.
    """

    linear = False

    def __init__(self, in_type: FeatureType, action: Action) -> None:
        super().__init__()
        if action.permutations is None:
            raise FeatureTypeError(
                f"the maximum over the points of {in_type!r} is not invariant: the group mixes "
                "components, expected a pointwise type. Read the invariants instead: 'mean'."
            )
        self.in_type = in_type
        self._in = Channels.of(in_type)
        with on_cpu():
            orbit = point_orbits(action.permutations)
            members = [torch.nonzero(orbit == r)[:, 0] for r in range(int(orbit.max()) + 1)]
            longest = max(map(len, members))
            # Shorter orbits repeat their first point, which changes no maximum.
            padded = [torch.cat([m, m[:1].expand(longest - len(m))]) for m in members]
            self.constants = Constants(points=torch.stack(padded))
        self.features = len(members) * self._in.count

    def forward(self, x: Tensor, *structure: Any) -> Tensor:
        """Map ``x: (E, *layout)`` to the maxima ``(E, features)``."""
        flat = self._in.flatten(x)
        return flat[:, self.constants.get("points", flat)].amax(2).flatten(1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class SumMaximum(nn.Module):
    """Read the maxima of each part of a direct sum, one after the other.

    Raises:
        FeatureTypeError: the group mixes components of a part.
    """

    linear = False

    def __init__(self, in_type: DirectSum, actions: list[Action]) -> None:
        super().__init__()
        self.in_type = in_type
        parts = [OrbitMaximum(*pair) for pair in zip(in_type.parts, actions, strict=True)]
        self.parts = nn.ModuleList(parts)
        self.features = sum(part.features for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, *layout)`` to the maxima ``(E, features)``."""
        pieces = zip(self.parts, self.in_type.split(x), strict=True)
        return torch.cat([part(piece) for part, piece in pieces], 1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"
