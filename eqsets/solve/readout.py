"""Invariants of an element, and invariants written back into features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.constants import Constants, on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.solve.action import Action, Channels
from eqsets.solve.basis import fixed_vectors, invariant_forms

__all__ = ["InvariantEmbedding", "InvariantReadout"]


class InvariantReadout(nn.Module):
    r"""Read the invariants of each element: no weights, nothing that the group can change.

    .. math:: u_{r c} = \langle v^r, x_{\cdot c} \rangle, \qquad
              q_{s c} = x_{\cdot c}^T S^s x_{\cdot c}

    with a basis :math:`v^r` of the fixed vectors (for permutations: the mean over each orbit of
    points) and, for matrices, of the invariant quadratic forms :math:`S^s` (lengths, for
    rotations). Permutations read only the linear ones: all of them.

    Attributes:
        features: number of invariants of one element.
        linear: whether all of them are linear in ``x``.

    Raises:
        FeatureTypeError: the type has no linear and no quadratic invariant.
    """

    def __init__(self, in_type: FeatureType, action: Action) -> None:
        super().__init__()
        self.in_type = in_type
        self._in = Channels.of(in_type)
        with on_cpu():
            fixed = fixed_vectors(action)
            if action.permutes:
                fixed = fixed / fixed.sum(1, keepdim=True)
                forms = torch.zeros(0, action.size, action.size, dtype=torch.float64)
            else:
                forms = invariant_forms(action)
        self.features = (len(fixed) + len(forms)) * self._in.count
        self.linear = not len(forms)
        if not self.features:
            raise FeatureTypeError(
                f"{in_type!r} has no linear and no quadratic invariant to read out, expected at "
                "least one. Map to a type that has some, or override invariant in the symmetry."
            )
        self.constants = Constants(fixed=fixed, forms=None if self.linear else forms)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, *layout)`` to the invariants ``(E, features)``."""
        flat = self._in.flatten(x)
        parts = [(self.constants.get("fixed", flat) @ flat).flatten(1)]
        if not self.linear:
            forms = self.constants.get("forms", flat)
            parts.append(torch.einsum("eic,sij,ejc->esc", flat, forms, flat).flatten(1))
        return torch.cat(parts, 1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class InvariantEmbedding(nn.Module):
    r"""Write invariants back into features, by all linear maps that there are.

    .. math:: y_{o c'} = \sum_r v^r_o \sum_n A^r_{c' n} u_n

    Raises:
        FeatureTypeError: the group fixes no vector of the type, so there is nowhere to write to.
    """

    def __init__(self, features: int, out_type: FeatureType, action: Action) -> None:
        super().__init__()
        self.out_type = out_type
        self._out = Channels.of(out_type)
        with on_cpu():
            fixed = fixed_vectors(action)
        if not len(fixed):
            raise FeatureTypeError(
                f"{out_type!r} has no vector that is invariant under the group, so {features} "
                "invariants cannot be written into it. Use alignment='shared', or add invariant "
                "channels to the type."
            )
        self.linear = nn.Linear(features, len(fixed) * self._out.count, bias=False)
        self.constants = Constants(fixed=fixed)

    def forward(self, invariants: Tensor, *, like: Tensor) -> Tensor:
        """Map ``(E, features)`` to features that broadcast against ``like: (E, *layout)``."""
        per_orbit = self.linear(invariants).reshape(invariants.shape[0], -1, self._out.count)
        return self._out.unflatten(self.constants.get("fixed", per_orbit).mT @ per_orbit)

    def extra_repr(self) -> str:
        return f"{self.linear.in_features} invariants -> {self.out_type}"
