"""How the maps between points are applied: as few calls of the second factor as possible."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor, nn

from eqsets.constants import Constants, on_cpu

__all__ = ["Mixing", "Stack", "mixings_of"]


class Mixing(nn.Module):
    """Maps between points that give the same points the same, so that these are mapped once.

    Arguments:
        rows: ``(m, U, P_in)`` float64, the distinct rows of ``m`` maps.
        sources: which of the ``U`` each output point gets; -1 for zero.
    """

    def __init__(self, rows: Tensor, sources: tuple[int, ...]) -> None:
        super().__init__()
        self.count, self.distinct = rows.shape[:2]
        self.sources = sources
        matrix = rows.transpose(0, 1).reshape(self.count * self.distinct, -1).contiguous()
        in_order = sources == tuple(range(self.distinct))
        self._gathers = not in_order and not (self.distinct == 1 and set(sources) == {0})
        with on_cpu():
            square = matrix.shape[0] == matrix.shape[1]
            self._is_identity = square and torch.equal(matrix, torch.eye(len(matrix)).double())
            index = torch.tensor(sources) % (self.distinct + 1) if self._gathers else None
        self.constants = Constants(matrix=matrix, index=index)

    def forward(self, x: Tensor, apply: Callable[[Tensor], Tensor]) -> Tensor:
        """Map ``x: (E, P_in, *element)`` to ``(E, P_out or 1, *element)``.

        ``apply`` takes what the maps make of it, ``(E, U, m, *element)``, to ``(E, U, *element)``.
        """
        mixed = x if self._is_identity else self.constants.get("matrix", x) @ x.flatten(2)
        y = apply(mixed.reshape(x.shape[0], self.distinct, self.count, *x.shape[2:]))
        if not self._gathers:
            return y
        zero = y.new_zeros(y.shape[0], 1, *y.shape[2:])
        return torch.cat([y, zero], 1).index_select(1, self.constants.get("index", y))

    def extra_repr(self) -> str:
        return f"{self.count} maps of {self.distinct} points"


class Stack(nn.Module):
    """Maps that modules have applied already: picks some of them."""

    def __init__(self, numbers: list[int]) -> None:
        super().__init__()
        self.first, self.count = numbers[0], len(numbers)

    def forward(self, x: Tensor, apply: Callable[[Tensor], Tensor]) -> Tensor:
        """Map what ``apply`` makes of some of ``x: (E, P, K, *element)``."""
        return apply(x.narrow(2, self.first, self.count))


def mixings_of(maps: Tensor, together: bool) -> list[Mixing]:
    """Return the calls that apply ``maps: (K, P_out, P_in)``, each of about unit size.

    Arguments:
        maps: a basis.
        together: whether the second factor takes several at once, as channels.
    """
    maps = _with_total(maps)
    size = maps.square().sum((1, 2), keepdim=True).sqrt()
    maps = maps * (sqrt(maps.shape[1]) / size)
    groups: dict[tuple[tuple[int, ...], int], list[Tensor]] = {}
    for number, one in enumerate(maps):
        sources, rows = _distinct(one)
        groups.setdefault((sources, 0 if together else number), []).append(rows)
    scale = 1 / sqrt(len(groups))  # what the calls add up to keeps its size
    return [
        Mixing(torch.stack(rows) * (scale if len(groups) > 2 else 1.0), sources)
        for (sources, _), rows in groups.items()
    ]


def _with_total(maps: Tensor) -> Tensor:
    """Return a basis of the same maps with their sum in it, where that saves calls.

    Orbits of pairs of points add up to the sum over all points, which is the same for all of them:
    it replaces the largest orbit.
    """
    fullest = int(maps.abs().gt(1e-9).sum((1, 2)).argmax())
    total = maps.sum(0)
    if not total.abs().max() > 1e-9 or len(_distinct(total)[1]) >= len(_distinct(maps[fullest])[1]):
        return maps
    return torch.cat([maps[:fullest], maps[fullest + 1 :], total[None]])


def _distinct(one: Tensor) -> tuple[tuple[int, ...], Tensor]:
    """Return which distinct row each row of a matrix is, -1 for zero, and the distinct rows."""
    known: dict[tuple[float, ...], int] = {}
    sources: list[int] = []
    rows: list[Tensor] = []
    for row in one:
        key = tuple((row * 1e9).round().tolist())
        if not any(key):
            sources.append(-1)
            continue
        if key not in known:
            known[key] = len(rows)
            rows.append(row)
        sources.append(known[key])
    return tuple(sources), torch.stack(rows)
