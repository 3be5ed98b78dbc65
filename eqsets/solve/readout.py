"""Invariants of an element, and invariants written back into features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.constants import Constants, on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.solve.action import Action, Channels
from eqsets.solve.invariants import fixed_vectors, invariant_forms, invariant_functionals

__all__ = ["InvariantEmbedding", "InvariantReadout", "widen_weight"]


class InvariantReadout(nn.Module):
    r"""Read the invariants of each element: no weights, nothing that the group can change.

    .. math:: u_{r c} = \langle v^r, x_{\cdot c} \rangle, \qquad
              q_{s c c'} = x_{\cdot c}^T S^s x_{\cdot c'}

    with a basis :math:`v^r` of the invariant functionals (for permutations: the mean over each
    orbit of points) and, for matrices, of the invariant bilinear forms :math:`S^s`:
    lengths and inner products of all pairs of channels, for rotations. Permutations read only the
    linear ones.

    The order is: the linear ones, each channel with itself, then the pairs ``c < c'`` under the
    symmetric and under the antisymmetric forms.

    A numerical basis is unique up to signs (and, of several of one kind, up to a rotation): the
    largest number of each vector and form is made positive. A state that was saved before this
    was so has no ``signs``, and is given those that the solver returns here.

    Arguments:
        in_type: type of the input.
        action: of the group on one channel.
        pairs: whether to read pairs of different channels; their number grows as the square of
            the number of channels.
        quadratic: whether to read quadratic invariants at all.

    Attributes:
        features: number of invariants of one element.
        linear: whether all of them are linear in ``x``.

    Raises:
        FeatureTypeError: the type has no linear and no quadratic invariant.
    """

    def __init__(
        self, in_type: FeatureType, action: Action, *, pairs: bool = True, quadratic: bool = True
    ) -> None:
        super().__init__()
        self.in_type, self.action = in_type, action
        self._in = Channels.of(in_type)
        fixed = invariant_functionals(action)
        forms = crossed = fixed.new_zeros(0, action.size, action.size)
        if action.permutes:
            fixed = fixed / fixed.sum(1, keepdim=True)
        elif quadratic:
            forms = invariant_forms(action)
            crossed = invariant_forms(action, symmetric=False)
        count = self._in.count
        self._pairs = pairs and count > 1 and not in_type.pointwise  # scalars: no products
        couples = count * (count - 1) // 2 if self._pairs else 0
        self.features = (len(fixed) + len(forms)) * count + (len(forms) + len(crossed)) * couples
        self._forms, self._crossed = len(forms), len(crossed) if self._pairs else 0
        self.linear = not self._forms and not self._crossed
        if not self.features:
            raise FeatureTypeError(
                f"{in_type!r} has no linear and no quadratic invariant to read out, expected at "
                "least one. Map to a type that has some, or override invariant in the symmetry."
            )
        with on_cpu():
            first, second = torch.triu_indices(count, count, offset=1)
            both = torch.cat([forms, crossed]) if self._crossed else forms
            self._solved = torch.cat([_signs(fixed), _signs(both)])
        self.constants = Constants(
            fixed=fixed * self._solved[: len(fixed), None],
            forms=both * self._solved[len(fixed) :, None, None],
            first=first if self._pairs else None,
            second=second if self._pairs else None,
        )
        self.signs: Tensor | None  # relative to the constants; permutations have none to choose
        ones = None if action.permutes else torch.ones(len(self._solved), dtype=torch.int8)
        self.register_buffer("signs", ones)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        if self.signs is not None:
            state_dict.setdefault(f"{prefix}signs", self._solved.to(torch.int8))
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def _constant(self, name: str, like: Tensor) -> Tensor:
        value = self.constants.get(name, like)
        if self.signs is None:
            return value
        linear = len(self.constants.exact("fixed"))
        signs = self.signs[:linear] if name == "fixed" else self.signs[linear:]
        return value * signs.to(value.dtype).reshape(-1, *[1] * (value.dim() - 1))

    def per_channel(self) -> InvariantReadout:
        """Return the read-out of each channel by itself, without pairs."""
        return InvariantReadout(self.in_type, self.action, pairs=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, *layout)`` to the invariants ``(E, features)``."""
        flat = self._in.flatten(x)
        parts = [(self._constant("fixed", flat) @ flat).flatten(1)]
        if self.linear:
            return parts[0]
        forms = self._constant("forms", flat)
        if not self._pairs:
            parts.append(torch.einsum("eic,sij,ejc->esc", flat, forms, flat).flatten(1))
            return torch.cat(parts, 1)
        every = torch.einsum("eic,sij,ejd->escd", flat, forms, flat)
        own = every[:, : self._forms].diagonal(dim1=2, dim2=3)
        first, second = self.constants.get("first", flat), self.constants.get("second", flat)
        return torch.cat([*parts, own.flatten(1), every[:, :, first, second].flatten(1)], 1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


def _signs(basis: Tensor) -> Tensor:
    """Return the signs ``(r,)`` that make the largest number of each part of a basis positive."""
    flat = basis.flatten(1)
    if not flat.numel():
        return flat.new_ones(len(basis))
    # Of several that are equally large up to rounding the first decides.
    largest = flat.abs() > (1 - 1e-6) * flat.abs().amax(1, keepdim=True)
    first = largest.to(torch.int8).argmax(1, keepdim=True)
    return flat.gather(1, first)[:, 0].sign()


class InvariantEmbedding(nn.Module):
    r"""Write invariants back into features, by all linear maps that there are.

    .. math:: y_{o c'} = \sum_r v^r_o \sum_n A^r_{c' n} u_n

    Raises:
        FeatureTypeError: the group fixes no vector of the type, so there is nowhere to write to.
    """

    _version = 2  # 1: matrix types had no invariants of pairs of channels, which come last

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

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        widen_weight(state_dict, prefix + "linear.weight", self.linear.in_features)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def forward(self, invariants: Tensor, *, like: Tensor) -> Tensor:
        """Map ``(E, features)`` to features that broadcast against ``like: (E, *layout)``."""
        per_orbit = self.linear(invariants).reshape(invariants.shape[0], -1, self._out.count)
        return self._out.unflatten(self.constants.get("fixed", per_orbit).mT @ per_orbit)

    def extra_repr(self) -> str:
        return f"{self.linear.in_features} invariants -> {self.out_type}"


def widen_weight(state_dict: dict[str, Any], key: str, features: int) -> None:
    """Let a weight ``(out, in)`` of fewer invariants ignore those that were added at the end."""
    weight = state_dict.get(key)
    if isinstance(weight, Tensor) and weight.dim() == 2 and weight.shape[1] < features:
        missing = features - weight.shape[1]
        state_dict[key] = torch.nn.functional.pad(weight, (0, missing))
