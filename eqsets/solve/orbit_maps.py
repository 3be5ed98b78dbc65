"""Basis maps of permutations without their matrices: pooled sums and gathers of points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqsets.constants import Constants

__all__ = ["OrbitMaps"]


@dataclass(frozen=True)
class _Map:
    """How the indicator matrix of one pair orbit acts on features ``(E, d_in, C)``.

    Attributes:
        pools: whether all its output points get the sum over all its input points; else each gets
            the features of one input point.
        everywhere: whether its output points are all there are.
        whole: whether the input needs no gather: all points pooled, or each point its own source.
        minus: number of the orbit whose weight to subtract, or ``None``.
    """

    pools: bool
    everywhere: bool
    whole: bool
    minus: int | None


class OrbitMaps(nn.Module):
    r"""Apply :math:`y = \sum_k B^k x W^k` by moving features along each orbit of pairs.

    An orbit that is all of a block (output orbit x input orbit) is a sum over points; one with a
    single input point for each output point is a gather. Under all permutations of ``d`` points
    the pairs ``i != j`` are neither, but the block without the diagonal:

    .. math:: W^0 x_i + W^1 \sum_{j \ne i} x_j = (W^0 - W^1) x_i + W^1 \sum_j x_j

    Arguments:
        labels: ``(d_out, d_in)`` number of the orbit of each pair.
    """

    def __init__(self, labels: Tensor, maps: list[_Map], indices: dict[str, Tensor]) -> None:
        super().__init__()
        self._size = labels.shape[0]
        self._maps = maps
        self.constants = Constants(**indices)

    @classmethod
    def of(cls, labels: Tensor) -> OrbitMaps | None:
        """Return the maps, or ``None`` where a dense matrix is cheaper or an orbit is neither."""
        count = int(labels.max()) + 1
        if count > max(4, min(labels.shape) // 2):
            return None
        maps: dict[int, _Map] = {}
        indices: dict[str, Tensor] = {}
        for number in range(count):
            block = labels == number
            rows, columns = block.any(1).nonzero()[:, 0], block.any(0).nonzero()[:, 0]
            pools = int(block.sum()) == len(rows) * len(columns)
            if not pools and int(block.sum(1).max()) > 1:
                others = labels[rows][:, columns].unique().tolist()
                others.remove(number)
                single = [int((labels == other).sum(1).max()) == 1 for other in others]
                if not all(single):
                    return None
                pools = True
                for other in others:
                    maps[other] = _gather(labels, other, number, indices)
            if number not in maps:
                maps[number] = (
                    _pool(labels, number, rows, columns, indices)
                    if pools
                    else _gather(labels, number, None, indices)
                )
        return cls(labels, [maps[number] for number in range(count)], indices)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Map ``x: (E, d_in, C)`` with ``weight: (K, C, C')`` to ``(E, d_out, C')``."""
        y = x.new_zeros(())
        for number, one in enumerate(self._maps):
            w = weight[number] if one.minus is None else weight[number] - weight[one.minus]
            y = y + self._along(number, one, x, w)
        return y.expand(-1, self._size, -1)

    def _along(self, number: int, one: _Map, x: Tensor, weight: Tensor) -> Tensor:
        picked = x if one.whole else x[:, self.constants.get(f"source{number}", x)]
        y = (picked.sum(1, keepdim=True) if one.pools else picked) @ weight
        if one.everywhere:
            return y
        rows = self.constants.get(f"rows{number}", x)
        empty = y.new_zeros(y.shape[0], self._size, y.shape[2])
        return empty.index_copy(1, rows, y.expand(-1, len(rows), -1))


def _pool(
    labels: Tensor, number: int, rows: Tensor, columns: Tensor, indices: dict[str, Tensor]
) -> _Map:
    everywhere, whole = len(rows) == labels.shape[0], len(columns) == labels.shape[1]
    _note(indices, number, None if everywhere else rows, None if whole else columns)
    return _Map(True, everywhere, whole, None)


def _gather(labels: Tensor, number: int, minus: int | None, indices: dict[str, Tensor]) -> _Map:
    block = labels == number
    rows = block.any(1).nonzero()[:, 0]
    source = block.long().argmax(1)[rows]
    everywhere = len(rows) == labels.shape[0]
    whole = torch.equal(source, torch.arange(labels.shape[1]))
    _note(indices, number, None if everywhere else rows, None if whole else source)
    return _Map(False, everywhere, whole, minus)


def _note(
    indices: dict[str, Tensor], number: int, rows: Tensor | None, source: Tensor | None
) -> None:
    if rows is not None:
        indices[f"rows{number}"] = rows
    if source is not None:
        indices[f"source{number}"] = source
