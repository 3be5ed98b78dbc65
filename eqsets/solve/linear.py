"""The linear layer over a solved basis: complete, applied in the cheapest order."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor, nn

from eqsets.features import FeatureType
from eqsets.solve.action import Action, Channels
from eqsets.solve.basis import Basis, fixed_vectors

__all__ = ["EquivariantLinear"]


class EquivariantLinear(nn.Module):
    r"""Apply the most general linear map that commutes with the group.

    .. math:: y_{o c'} = \sum_{k} \sum_{i c} B^k_{o i} W^k_{c c'} x_{i c} + \sum_r b_{r c'} v^r_o

    with a basis :math:`B^k` of the equivariant maps between points and a basis :math:`v^r` of the
    vectors that the group fixes: *all* equivariant affine maps, ``c c' E(H)`` weights.

    References:
        On Learning Sets of Symmetric Elements, Maron, Litany, Chechik, Fetaya, ICML 2020.

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        basis: from :func:`~eqsets.solve.basis_between`.
        target: action on the output, which says what a bias may be.
        bias: whether to add one.
    """

    labels: Tensor | None
    maps: Tensor | None
    fixed: Tensor

    def __init__(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        basis: Basis,
        target: Action,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self._in, self._out = Channels.of(in_type), Channels.of(out_type)
        self.weight = nn.Parameter(torch.empty(basis.dimension, self._in.count, self._out.count))
        self._exact_maps = basis.maps
        self._exact_fixed = fixed_vectors(target)
        self.register_buffer("labels", basis.labels, persistent=False)
        self.register_buffer("maps", None, persistent=False)
        self.register_buffer("fixed", None, persistent=False)
        count = len(self._exact_fixed)
        self.bias = nn.Parameter(torch.empty(count, self._out.count)) if bias and count else None
        # With few orbits it is cheaper to move features along each orbit than to build the matrix.
        self._orbits = None if basis.labels is None else _few_orbits(basis.labels, self._out.count)
        self._refresh()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as torch does for a dense layer: outputs keep the size of the inputs."""
        bound = 1 / sqrt(self._in.size * self._in.count)
        if self._exact_maps is not None and self.weight.shape[0]:
            bound = sqrt(self._out.size / (self.weight.shape[0] * self._in.count))
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def _refresh(self) -> None:
        # Bases are kept in float64, so that .double() gains accuracy and not just digits.
        like = self.weight
        if self._exact_maps is not None:
            self.maps = self._exact_maps.to(device=like.device, dtype=like.dtype)
        self.fixed = self._exact_fixed.to(device=like.device, dtype=like.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> EquivariantLinear:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._refresh()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``."""
        flat = self._in.flatten(x)
        if self._orbits is not None:
            y = self._along_orbits(flat)
        else:
            if self.labels is not None:
                dense = self.weight[self.labels].permute(1, 2, 0, 3)
            else:
                dense = torch.einsum("koi,kcf->icof", self.maps, self.weight)
            rows = self._in.size * self._in.count
            y = flat.reshape(-1, rows) @ dense.reshape(rows, self._out.size * self._out.count)
            y = y.reshape(-1, self._out.size, self._out.count)
        if self.bias is not None:
            y = y + self.fixed.mT @ self.bias
        return self._out.unflatten(y)

    def _along_orbits(self, x: Tensor) -> Tensor:
        y = x.new_zeros(())
        for number, orbit in enumerate(self._orbits or ()):
            y = y + orbit(x, self.weight[number])
        return y.expand(-1, self._out.size, -1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, dimension={len(self.weight)}"


class _Orbit:
    """One basis map without its matrix: a pooled sum that is broadcast, or a gather of points."""

    def __init__(self, block: Tensor) -> None:
        self._size = block.shape[0]
        self._rows = block.any(1).nonzero()[:, 0]
        self._columns = block.any(0).nonzero()[:, 0]
        self.full = int(block.sum()) == len(self._rows) * len(self._columns)
        self.single = int(block.sum(1).max()) == 1
        self._source = block.long().argmax(1)[self._rows]
        self._everywhere = len(self._rows) == self._size
        self._all_points = len(self._columns) == block.shape[1]
        self._identity = torch.equal(self._source, torch.arange(self._size))

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        if self.full:
            picked = x if self._all_points else x[:, self._columns.to(x.device)]
            y = picked.sum(1, keepdim=True) @ weight
            if self._everywhere:
                return y
            y = y.expand(-1, len(self._rows), -1)
        else:
            y = x if self._identity else x[:, self._source.to(x.device)]
            y = y @ weight
            if self._everywhere:
                return y
        empty = y.new_zeros(y.shape[0], self._size, y.shape[2])
        return empty.index_copy(1, self._rows.to(y.device), y)


def _few_orbits(labels: Tensor, channels: int) -> list[_Orbit] | None:
    """Return the maps as moves of features where that costs less than the dense matrix."""
    if int(labels.max()) + 1 > max(4, min(labels.shape) // 2):
        return None
    orbits = [_Orbit(labels == number) for number in range(int(labels.max()) + 1)]
    return orbits if all(orbit.full or orbit.single for orbit in orbits) else None
