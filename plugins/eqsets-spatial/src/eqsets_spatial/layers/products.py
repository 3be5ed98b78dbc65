"""Products of features: the tensor product of irreps with themselves."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from eqsets import FeatureType, FeatureTypeError, OptionError
from eqsets.constants import Constants, on_cpu
from eqsets_spatial.features import Block, blocks_of
from eqsets_spatial.harmonics import coupling
from eqsets_spatial.layers.linear import IrrepsLinear

__all__ = ["IrrepsProduct"]


class IrrepsProduct(nn.Module):
    r"""Multiply the features of an element, or of each point, with themselves.

    .. math:: y^l = W \bigoplus_{i \le j} (M x^{l_i}) \otimes^l_{u} (N x^{l_j})

    with learned mixtures :math:`M, N` of the copies of each irrep, the product of their copies one
    by one (e3nn's ``"uuu"``), coupled to each degree :math:`l` that the output has, and a linear
    map of all products. Linear maps, gates and convolutions make no product of two features: with
    these, networks on irreps approximate any equivariant polynomial.

    References:
        Tensor field networks, Thomas et al., 2018, https://arxiv.org/abs/1802.08219, section 3;
        e3nn: Euclidean Neural Networks, Geiger, Smidt, 2022, https://arxiv.org/abs/2207.09453.

    Arguments:
        in_type: type of the input.
        out_type: type of the output; irreps that no product reaches are zero.
        channels: copies of each irrep that are multiplied.

    Raises:
        FeatureTypeError: no product is in the output.
        OptionError: ``channels`` is no whole number of at least 1.

    Example:
        >>> from eqsets import nn
        >>> products = nn.bilinear("spatial", "4x1o", "1x0e + 1x1e", channels=4)
        >>> products(torch.randn(2, 5, 12)).shape
        torch.Size([2, 5, 4])
    """

    def __init__(self, in_type: FeatureType, out_type: FeatureType, channels: int = 8) -> None:
        super().__init__()
        if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
            raise OptionError(
                f"products of irreps got channels={channels!r}, expected a whole number of at "
                "least 1. Write channels=8."
            )
        self.in_type, self.out_type = in_type, out_type
        blocks, targets = blocks_of(in_type), blocks_of(out_type)
        irreps = sorted({block.irrep for block in blocks})
        self._mixed = tuple(Block(channels, *irrep) for irrep in irreps)
        self._paths = _paths(irreps, {block.irrep for block in targets})
        if not self._paths:
            raise FeatureTypeError(
                f"no product of two features of {in_type!r} is in {out_type!r}, expected at least "
                "one. Add scalars (0e), or irreps of degrees up to the sum of two degrees."
            )
        self.first, self.second = (IrrepsLinear(blocks, self._mixed, bias=False) for _ in range(2))
        products = tuple(Block(channels, *irrep) for _, _, irrep in self._paths)
        self.mix = IrrepsLinear(products, targets, bias=False)
        with on_cpu():
            tables = [
                coupling(irreps[a][0], irreps[b][0], low) * sqrt(2 * low + 1)
                for a, b, (low, _) in self._paths
            ]
        self.couplings = Constants(**{f"path{k}": one for k, one in enumerate(tables)})

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``."""
        left, right = self._split(self.first(x)), self._split(self.second(x))
        products = []
        for number, (a, b, _) in enumerate(self._paths):
            table = self.couplings.get(f"path{number}", x)
            half = torch.einsum("...ua,abc->...ubc", left[a], table)
            products.append(torch.einsum("...ubc,...ub->...uc", half, right[b]).flatten(-2))
        y: Tensor = self.mix(torch.cat(products, -1))
        return y

    def _split(self, x: Tensor) -> list[Tensor]:
        parts = x.split([block.width for block in self._mixed], -1)
        blocks = zip(parts, self._mixed, strict=True)
        return [part.unflatten(-1, (block.count, block.size)) for part, block in blocks]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


def _paths(
    irreps: list[tuple[int, int]], targets: set[tuple[int, int]]
) -> list[tuple[int, int, tuple[int, int]]]:
    """Return the products of two irreps that are in the output, sorted by irrep."""
    paths = []
    for a, (low, parity) in enumerate(irreps):
        for b in range(a, len(irreps)):
            high, other = irreps[b]
            for degree in range(abs(low - high), low + high + 1):
                if (degree, parity * other) in targets:
                    paths.append((a, b, (degree, parity * other)))
    return sorted(paths, key=lambda path: path[2])
