"""The linear layer of a product: maps between points, times maps of what stands there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.products.features import ProductFeatures, from_first, to_first
from eqsets.products.maps import UnitMaps
from eqsets.products.mixing import Mixing, Stack, mixings_of

__all__ = ["ProductLinear"]

_FEW = 64  # points of a free size between which a matrix costs less than running modules


class ProductLinear(nn.Module):
    r"""Apply the most general linear map that commutes with both groups.

    .. math:: L = \sum_k B_k \otimes L_k

    with a basis :math:`B_k` of the maps between the points of the first factor, and linear layers
    :math:`L_k` of the second: *all* equivariant linear maps, where the factors give all of theirs.
    The :math:`B_k` act first, on points; then one call of the second's layer maps all results as
    channels side by side. A :math:`B_k` that gives several points the same (a sum over all points)
    has a call of its own for those points together: under permutations of ``P`` points the cost is
    :math:`1 + 1/P` times that of the second's layer at each point, as in DSS.

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        maps: the :math:`B_k`, ``(K, P_out, P_in)``, or modules where sizes are free.
        make: makes a layer of the second symmetry, without bias, from this type to the output's.
        bias: makes the bias from the number 1, or ``None``.
    """

    def __init__(
        self,
        in_type: ProductFeatures,
        out_type: ProductFeatures,
        maps: Tensor | UnitMaps,
        make: Callable[[FeatureType], nn.Module],
        bias: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        second = in_type.second
        together = widened(second, 2) is not None
        self.maps = maps if isinstance(maps, UnitMaps) else None
        result: list[Mixing] | list[Stack]
        if isinstance(maps, UnitMaps):
            numbers = range(len(maps.maps))
            result = [Stack([*numbers])] if together else [Stack([number]) for number in numbers]
        else:
            result = mixings_of(maps, together)
        self.mixings = nn.ModuleList(result)
        self.layers = nn.ModuleList(
            make(second if one.count == 1 else widened(second, one.count) or second)
            for one in result
        )
        self.bias = bias
        if bias is not None:  # as small as the bias of a dense layer
            size = in_type.channels * prod(s for s in in_type.points if isinstance(s, int))
            with torch.no_grad():
                for parameter in bias.parameters():
                    parameter.mul_(1 / sqrt(size))

    def forward(self, x: Tensor, structure: tuple[Any, Any] | None = None) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``.

        ``structure`` is a pair: that of the first factor, and that of the second.
        """
        one, two = structure or (None, None)
        tail = len(self.in_type.second.layout)
        element = x.shape[x.dim() - tail :]
        if self.maps is None:
            points = [size for size in self.out_type.points if isinstance(size, int)]
            flat = x.reshape(x.shape[0], prod(x.shape[1 : x.dim() - tail]), *element)
        else:
            points, flat = self._moved(self.maps, x, one)
        total: Tensor | None = None
        for mixing, layer in zip(self.mixings, self.layers, strict=True):
            y: Tensor = mixing(flat, partial(self._map, layer, two))
            total = y if total is None else total + y
        if total is None:
            raise AssertionError("a product has at least one map between its points")
        total = total.expand(x.shape[0], prod(points), *total.shape[2:])
        total = total.reshape(x.shape[0], *points, *total.shape[2:])
        if self.bias is not None:
            total = total + self.bias(x.new_ones(1, 1), structure, like=total[:1])
        return total

    def _map(self, layer: nn.Module, structure: Any, mixed: Tensor) -> Tensor:
        """Map ``(E, U, m, *element)`` by a layer of the second factor to ``(E, U, *element)``."""
        rows = _side_by_side(mixed, self.in_type.second)
        y: Tensor = layer(rows) if structure is None else layer(rows, structure)
        return y.reshape(*mixed.shape[:2], *y.shape[1:])

    def _moved(self, maps: UnitMaps, x: Tensor, structure: Any) -> tuple[list[int], Tensor]:
        """Return the shape of the output points, and ``x`` moved by each map: ``(E, P, K, ...)``.

        For few points without edges the matrices are computed again: that is cheaper than permuting
        the axes of ``x`` so that components of the features at a point are elements.
        """
        tail = len(self.in_type.second.layout)
        shape, element = x.shape[1 : x.dim() - tail], x.shape[x.dim() - tail :]
        size = prod(shape)
        if structure is None and size <= _FEW:
            basis = torch.eye(size, dtype=x.dtype, device=x.device).reshape(size, *shape)
            columns = self._apply_maps(maps, basis, None, 0)
            points = list(columns[0].shape[1:])
            rows = torch.stack([column.reshape(size, -1).mT for column in columns], 1)
            moved = rows.to(x.dtype).flatten(0, 1) @ x.reshape(x.shape[0], size, -1)
            return points, moved.reshape(x.shape[0], prod(points), len(columns), *element)
        parts = self._apply_maps(maps, x, structure, tail)
        points = list(parts[0].shape[1 : parts[0].dim() - tail])
        return points, torch.stack([y.reshape(x.shape[0], -1, *element) for y in parts], 2)

    def _apply_maps(self, maps: UnitMaps, x: Tensor, structure: Any, tail: int) -> list[Tensor]:
        """Return ``x: (E, *points, *element)``, ``tail`` axes last, moved by each map."""
        flat = to_first(x, self.in_type.first, tail)
        lead = flat.shape[:2]
        moved = maps(flat.flatten(0, 1), structure)
        target = self.out_type.first
        return [from_first(y.reshape(*lead, *y.shape[1:]), target, x, tail) for y in moved]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


def widened(second: FeatureType, times: int) -> FeatureType | None:
    """Return the type with so many times the channels, or ``None`` where it has no such type."""
    try:
        return second.with_channels(times * second.channels)
    except FeatureTypeError:
        return None


def _side_by_side(mixed: Tensor, second: FeatureType) -> Tensor:
    """Return ``(E, U, m, *element)`` as rows ``(E * U, *element)`` of ``m`` times the channels."""
    count, axis = mixed.shape[2], second.channel_axis
    if count == 1:
        return mixed.flatten(0, 2)
    if axis is None:
        return second.concatenate([part.flatten(0, 1) for part in mixed.unbind(2)])
    # the m copies of a channel are adjacent, so that blocks of channels (groups=) remain blocks
    moved = mixed.movedim(2, mixed.dim() + axis)
    sizes = list(mixed.shape[3:])
    sizes[axis] *= count
    return moved.reshape(mixed.shape[0] * mixed.shape[1], *sizes)
