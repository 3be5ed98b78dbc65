"""What follows from a group and its feature types alone: the defaults of every symmetry.

Solved once for each pair of types and held on the object, which a symmetry owns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError, choices
from eqsets.features import FeatureType
from eqsets.features.direct_sum import DirectSum, parts_of
from eqsets.groups import Group
from eqsets.rows import (
    ChannelDropout,
    EachPart,
    EachPartNorm,
    ElementNorm,
    InvariantGate,
    InvariantPart,
    LinearPart,
    RowNorm,
    SumPart,
    WholePart,
    pointwise_activation,
)
from eqsets.solve import (
    Action,
    Basis,
    EquivariantLinear,
    InvariantEmbedding,
    InvariantReadout,
    action_of,
    basis_between,
)
from eqsets.solve.bilinear import EquivariantBilinear
from eqsets.solve.direct_sum import SumEmbedding, SumInvariant, SumLinear
from eqsets.solve.invariants import fixed_vectors, invariant_projection
from eqsets.solve.maximum import OrbitMaximum, SumMaximum

__all__ = ["Solved"]

_NORMS = ("batch", "element")


class Solved:
    r"""Maps, invariants and norms of types that a group acts on, by solving for them.

    .. math:: \{L : \rho'(g) L = L \rho(g) \;\forall g\}

    Arguments:
        group: acts on an element.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self._memo: dict[Any, Any] = {}

    def action(self, feature_type: FeatureType) -> Action:
        """Return how the generators act on one channel of ``feature_type``."""
        solved: Action = self._once(_single(feature_type), lambda key: action_of(self.group, key))
        return solved

    def basis(self, in_type: FeatureType, out_type: FeatureType) -> Basis:
        """Return all equivariant linear maps from one channel of each type to the other."""
        key = (_single(in_type), _single(out_type))
        solved: Basis = self._once(
            key, lambda pair: basis_between(self.action(pair[0]), self.action(pair[1]))
        )
        return solved

    def linear(self, in_type: FeatureType, out_type: FeatureType, *, bias: bool) -> nn.Module:
        """Return the complete linear map ``(E, *in) -> (E, *out)``.

        Raises:
            FeatureTypeError: there is none but zero.
        """
        if isinstance(in_type, DirectSum) or isinstance(out_type, DirectSum):
            return self._sum_linear(in_type, out_type, bias)
        basis = self.basis(in_type, out_type)
        if not basis.dimension:
            raise _constant(in_type, out_type)
        return EquivariantLinear(in_type, out_type, basis, self.action(out_type), bias=bias)

    def _sum_linear(self, in_type: FeatureType, out_type: FeatureType, bias: bool) -> SumLinear:
        blocks = {}
        for a, target in enumerate(parts_of(out_type)):
            for b, source in enumerate(parts_of(in_type)):
                basis = self.basis(source, target)
                if basis.dimension:
                    action = self.action(target)
                    block = EquivariantLinear(source, target, basis, action, bias=False)
                    blocks[a, b] = block
        if not blocks:
            raise _constant(in_type, out_type)
        actions = [self.action(part) for part in parts_of(out_type)]
        return SumLinear(in_type, out_type, blocks, actions, bias=bias)

    def bilinear(
        self, in_type: FeatureType, out_type: FeatureType, *, channels: int
    ) -> EquivariantBilinear:
        """Return products of features, ``(E, *in) -> (E, *out)``.

        Raises:
            FeatureTypeError: no product of two features is in the output.
        """
        sides = ([self.action(part) for part in parts_of(kind)] for kind in (in_type, out_type))
        return EquivariantBilinear(in_type, out_type, *sides, channels=channels)

    def invariant(self, in_type: FeatureType) -> nn.Module:
        """Return a module ``(E, *in) -> (E, features)`` of invariants, with ``.features``."""
        if isinstance(in_type, DirectSum):
            return SumInvariant(in_type, [self.action(part) for part in in_type.parts])
        return InvariantReadout(in_type, self.action(in_type))

    def maximum(self, in_type: FeatureType) -> nn.Module:
        """Return a module ``(E, *in) -> (E, features)`` of maxima over orbits of points.

        Raises:
            FeatureTypeError: the group mixes components.
        """
        if isinstance(in_type, DirectSum):
            return SumMaximum(in_type, [self.action(part) for part in in_type.parts])
        return OrbitMaximum(in_type, self.action(in_type))

    def embed(self, features: int, out_type: FeatureType) -> nn.Module:
        """Return a module that writes ``(E, features)`` invariants into features ``(E, *out)``."""
        if isinstance(out_type, DirectSum):
            return SumEmbedding(features, out_type, [self.action(p) for p in out_type.parts])
        return InvariantEmbedding(features, out_type, self.action(out_type))

    def invariant_part(self, out_type: FeatureType) -> InvariantPart:
        """Return the projection onto the vectors that the group leaves invariant.

        Raises:
            FeatureTypeError: there is none.
        """
        if isinstance(out_type, DirectSum):
            actions = [self.action(part) for part in out_type.parts]
            known = {
                number: _part(part, action)
                for number, (part, action) in enumerate(zip(out_type.parts, actions, strict=True))
                if len(fixed_vectors(action))
            }
            if known:
                return SumPart(out_type, known)
        elif len(fixed_vectors(self.action(out_type))):
            return _part(out_type, self.action(out_type))
        raise FeatureTypeError(
            f"{out_type!r} has no vector that is invariant under the group, so elements that move "
            "by themselves share nothing. Add invariant channels to the type."
        )

    def norm(self, in_type: FeatureType, kind: str) -> nn.Module:
        """Return an equivariant normalisation.

        Raises:
            FeatureTypeError: the kind is unknown, or the type allows no such norm.
        """
        if kind not in _NORMS:
            raise FeatureTypeError(f"unknown norm {kind!r}: {choices(kind, _NORMS)}")
        if kind == "batch" and isinstance(in_type, DirectSum):
            return EachPartNorm(in_type, [self.norm(part, kind) for part in in_type.parts])
        if kind == "batch" and in_type.pointwise and in_type.channel_axis is not None:
            return RowNorm(in_type)
        # One norm for all parts of a sum: that of a single scalar would lose it.
        if kind == "element" and all(
            part.pointwise or self.action(part).is_orthogonal for part in parts_of(in_type)
        ):
            return ElementNorm(in_type)
        raise FeatureTypeError(
            f"norm {kind!r} is not equivariant on {in_type!r}: 'batch' needs a pointwise type, "
            "'element' a pointwise or length-preserving one. Choose the other or none."
        )

    def nonlinearity(
        self, in_type: FeatureType, name: str, invariant: Callable[[FeatureType], nn.Module]
    ) -> nn.Module:
        """Return a componentwise nonlinearity where the type allows one, else a gate.

        Arguments:
            in_type: type of the features, kept.
            name: of a torch activation.
            invariant: makes the invariants that a gate reads.
        """
        activation = pointwise_activation(name)
        if in_type.pointwise:
            return activation
        if isinstance(in_type, DirectSum):
            parts = [self.nonlinearity(part, name, invariant) for part in in_type.parts]
            return EachPart(in_type, parts)
        read = invariant(in_type)
        # A gate of each channel reads lengths: pairs of channels are too many for large layers.
        read = read.per_channel() if isinstance(read, InvariantReadout) else read
        return InvariantGate(in_type, read)

    def dropout(self, in_type: FeatureType, p: float) -> nn.Module:
        """Return a dropout of whole channels of each part."""
        if isinstance(in_type, DirectSum):
            return EachPart(in_type, [ChannelDropout(part, p) for part in in_type.parts])
        return ChannelDropout(in_type, p)

    def _once(self, key: Any, solve: Callable[[Any], Any]) -> Any:
        if key not in self._memo:
            with on_cpu():
                self._memo[key] = solve(key)
        return self._memo[key]


def _part(out_type: FeatureType, action: Action) -> InvariantPart:
    write, read = invariant_projection(action)
    if write.shape[0] == write.shape[1]:
        return WholePart()
    return LinearPart(write, read, out_type.channel_axis)


def _constant(in_type: FeatureType, out_type: FeatureType) -> FeatureTypeError:
    return FeatureTypeError(
        f"there is no equivariant linear map from {in_type!r} to {out_type!r} but zero, so the "
        "output of the layer would be constant. Map to a type that is reached, or read invariants "
        "of the input with eqsets.nn.invariant, which takes lengths and inner products."
    )


def _single(feature_type: FeatureType) -> FeatureType:
    return feature_type if feature_type.channel_axis is None else feature_type.with_channels(1)
