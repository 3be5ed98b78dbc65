"""All linear maps between irreps, on elements and on each point of a cloud: e3nn's ``Linear``."""

from __future__ import annotations

from e3nn import o3
from torch import Tensor, nn

from eqsets import FeatureType
from eqsets_spatial.features import Block, blocks_of

__all__ = ["SpatialLinear", "apply", "block_linear"]


def block_linear(
    in_blocks: tuple[Block, ...], out_blocks: tuple[Block, ...], *, bias: bool
) -> nn.Module:
    """Return e3nn's linear map between irreps; with a bias on the scalars, if asked for."""
    source, target = (
        o3.Irreps([(block.count, block.irrep) for block in blocks])
        for blocks in (in_blocks, out_blocks)
    )
    linear: nn.Module = o3.Linear(source, target, biases=bias)
    return linear


def apply(linear: nn.Module, x: Tensor) -> Tensor:
    """Call e3nn's linear map on features of any precision: under autocast they are not its own."""
    weight = linear.weight
    y: Tensor = linear(x.to(weight.dtype) if isinstance(weight, Tensor) else x)
    return y


class SpatialLinear(nn.Module):
    r"""Mix the copies of each irrep: *all* equivariant linear maps, by Schur's lemma.

    .. math:: y^{l p}_{c' m} = \sum_c W^{l p}_{c' c} \, x^{l p}_{c m}

    with a bias where :math:`l = 0, p = 1`. An output irrep that the input has not got stays zero.
    On a cloud it acts on each point by itself: complete for a single point, and blind to where
    the points are; see :class:`~eqsets_spatial.convolution.PointConvolution`.

    References:
        e3nn: Euclidean Neural Networks, Geiger and Smidt, 2022, https://arxiv.org/abs/2207.09453.

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        bias: whether to add one to the scalars.
    """

    def __init__(self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self.linear = block_linear(blocks_of(in_type), blocks_of(out_type), bias=bias)

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``; positions do not matter."""
        return apply(self.linear, x)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"
