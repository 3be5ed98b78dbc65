"""All linear maps between irreps, on elements and on each point of a cloud.

Requirements that shaped this module:

- the numbers and the parameters are those of e3nn's ``o3.Linear``, so that weights go over from
  one to the other; the tests hold one to the other;
- a layer is plain torch: e3nn writes and compiles code for each layer that is made, 15 ms each and
  again for each copy, and its products are not prepared for autocast.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eqsets import FeatureType
from eqsets_spatial.features import Block, blocks_of, written_blocks_of
from eqsets_spatial.points import PointSide

__all__ = ["IrrepsLinear", "SpatialLinear"]


class _Mix(NamedTuple):
    """What one irrep needs: its blocks, and where the weights between them lie."""

    size: int  # components of a copy
    scalar: bool
    sources: tuple[int, ...]  # numbers of the blocks of the input that hold it
    targets: tuple[int, ...]  # of the output
    weights: tuple[tuple[tuple[int, int, int], ...], ...]  # [source][target] = start, rows, columns


class IrrepsLinear(nn.Module):
    r"""Mix the copies of each irrep, with the parameters of e3nn's ``o3.Linear``.

    .. math:: y^{l p}_{c' m} = \frac{1}{\sqrt{C_{l p}}} \sum_c x^{l p}_{c m} W^{l p}_{c c'}

    with :math:`C_{l p}` copies in the input, and a bias where :math:`l = 0, p = 1`.

    Arguments:
        in_blocks: irreps of the input.
        out_blocks: irreps of the output.
        bias: whether to add one to the scalars.
    """

    def __init__(
        self, in_blocks: tuple[Block, ...], out_blocks: tuple[Block, ...], *, bias: bool
    ) -> None:
        super().__init__()
        self.in_blocks, self.out_blocks = in_blocks, out_blocks
        self._mixes = _mixes(in_blocks, out_blocks)
        ends = [s + r * c for mix in self._mixes for row in mix.weights for s, r, c in row]
        shifts = sum(block.count for block in out_blocks if block.scalar) if bias else 0
        self.weight = nn.Parameter(torch.randn(max(ends))) if ends else None
        self.bias = nn.Parameter(torch.zeros(shifts)) if shifts else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (*batch, in_dim)`` to ``(*batch, out_dim)``."""
        blocks = x.split([block.width for block in self.in_blocks], -1)
        outputs: dict[int, Tensor] = {}
        for mix in self._mixes:
            y = self._mixed(mix, _joined([blocks[source] for source in mix.sources], -1))
            widths = [self.out_blocks[target].width for target in mix.targets]
            outputs.update(zip(mix.targets, y.split(widths, -1), strict=True))
        like = next(iter(outputs.values()), x)
        shifts = self._shifts(like, set(outputs))
        parts = [
            outputs[number] if number in outputs else shifts[number]
            for number in range(len(self.out_blocks))
        ]
        return torch.cat(parts, -1)

    def _mixed(self, mix: _Mix, copies: Tensor) -> Tensor:
        """Return ``copies: (*batch, C * size)`` mixed, ``(*batch, C' * size)``."""
        weight = self.weight
        if weight is None:
            raise AssertionError("an irrep that both sides have has weights")
        rows = [
            _joined([weight[start : start + r * c].reshape(r, c) for start, r, c in row], 1)
            for row in mix.weights
        ]
        matrix = _joined(rows, 0) / sqrt(copies.shape[-1] // mix.size)
        if mix.size == 1:
            bias = self.bias if mix.scalar else None
            return torch.nn.functional.linear(copies, matrix.mT, bias)
        separate = copies.unflatten(-1, (len(matrix), mix.size)).mT
        mixed: Tensor = (separate.flatten(0, -2) @ matrix).unflatten(0, separate.shape[:-1])
        return mixed.mT.flatten(-2)

    def _shifts(self, like: Tensor, outputs: set[int]) -> dict[int, Tensor]:
        """Return blocks of the output that the input does not reach: zeros, or their bias."""
        shifts, start = {}, 0
        for number, block in enumerate(self.out_blocks):
            if number not in outputs:
                zeros = like.new_zeros(*like.shape[:-1], block.width)
                if block.scalar and self.bias is not None:
                    zeros = zeros + self.bias[start : start + block.count].to(zeros.dtype)
                shifts[number] = zeros
            start += block.count if block.scalar else 0
        return shifts

    def extra_repr(self) -> str:
        sides = ("+".join(map(str, blocks)) for blocks in (self.in_blocks, self.out_blocks))
        return " -> ".join(sides)


class SpatialLinear(nn.Module):
    r"""Mix the copies of each irrep: *all* equivariant linear maps, by Schur's lemma.

    .. math:: y^{l p}_{c' m} = \sum_c W^{l p}_{c' c} \, x^{l p}_{c m}

    with a bias where :math:`l = 0, p = 1`. An output irrep that the input has not got stays zero.
    On a cloud it acts on each point by itself: complete for a single point, and blind to where
    the points are; see :class:`~eqsets_spatial.layers.convolution.PointConvolution`.

    References:
        e3nn: Euclidean Neural Networks, Geiger and Smidt, 2022, https://arxiv.org/abs/2207.09453.

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        bias: whether to add one to the scalars.
    """

    _version = 2  # 1: weights in the order of merged blocks, which is not e3nn's

    def __init__(self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self.linear = IrrepsLinear(
            written_blocks_of(in_type), written_blocks_of(out_type), bias=bias
        )

    def forward(self, x: Tensor, positions: PointSide = None) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``; positions do not matter."""
        y: Tensor = self.linear(x)
        return y

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        key = prefix + "linear.weight"
        if local_metadata.get("version") == 1 and key in state_dict:
            before = _positions(blocks_of(self.in_type), blocks_of(self.out_type))
            after = _positions(written_blocks_of(self.in_type), written_blocks_of(self.out_type))
            order = torch.empty_like(before[before >= 0])
            order[after[after >= 0]] = before[before >= 0]
            state_dict[key] = state_dict[key][order.to(state_dict[key].device)]
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


def _joined(parts: list[Tensor], axis: int) -> Tensor:
    """Return ``torch.cat``, without a copy where there is nothing to join."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)


def _mixes(in_blocks: tuple[Block, ...], out_blocks: tuple[Block, ...]) -> list[_Mix]:
    """Return the irreps that both sides have; weights lie as in e3nn, by block of the input."""
    slots, start = {}, 0
    for source, block in enumerate(in_blocks):
        for target, out_block in enumerate(out_blocks):
            if block.irrep == out_block.irrep:
                slots[source, target] = (start, block.count, out_block.count)
                start += block.count * out_block.count
    mixes = []
    for irrep in dict.fromkeys(in_blocks[source].irrep for source, _ in slots):
        sources = tuple(n for n, block in enumerate(in_blocks) if block.irrep == irrep)
        targets = tuple(n for n, block in enumerate(out_blocks) if block.irrep == irrep)
        weights = tuple(tuple(slots[a, b] for b in targets) for a in sources)
        first = in_blocks[sources[0]]
        mixes.append(_Mix(first.size, first.scalar, sources, targets, weights))
    return mixes


def _positions(in_blocks: tuple[Block, ...], out_blocks: tuple[Block, ...]) -> Tensor:
    """Return the index of the weight between each copy of the input and the output, or -1."""
    table = torch.full((sum(b.count for b in in_blocks), sum(b.count for b in out_blocks)), -1)
    rows = [sum(b.count for b in in_blocks[:n]) for n in range(len(in_blocks))]
    columns = [sum(b.count for b in out_blocks[:n]) for n in range(len(out_blocks))]
    for mix in _mixes(in_blocks, out_blocks):
        for source, row in zip(mix.sources, mix.weights, strict=True):
            for target, (start, r, c) in zip(mix.targets, row, strict=True):
                block = torch.arange(start, start + r * c).reshape(r, c)
                table[rows[source] : rows[source] + r, columns[target] : columns[target] + c] = (
                    block
                )
    return table
