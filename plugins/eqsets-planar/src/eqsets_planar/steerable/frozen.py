"""Frozen steerable convolutions: the filter is expanded once, and the weights are given up.

A :class:`~eqsets_planar.SteerableConv` expands its filter from its weights in every forward pass.
That costs little compared with the convolution of large images, and much compared with that of
small ones. For deployment, :func:`freeze` stores the filter *instead of* the weights. There is no
second copy that could differ from it: loading the weights of a network that is not frozen is an
error.
"""

from __future__ import annotations

import copy

from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets_planar.steerable.convolution import SteerableConv

__all__ = ["FrozenConv", "freeze"]


class FrozenConv(nn.Module):
    """A steerable convolution with a constant filter; it has no parameters.

    Arguments:
        conv: the convolution whose filter and bias are copied.

    Attributes:
        weight: buffer ``(C_out, C_in / groups, k, k)``.
        bias: buffer ``(C_out,)``, or ``None``.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: SteerableConv) -> None:
        super().__init__()
        self.in_type, self.out_type, self.options = conv.in_type, conv.out_type, conv.options
        self.grouping = conv.grouping
        bias = conv.expanded_bias()
        self.register_buffer("weight", conv.expand().detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C_in, H, W)`` to ``(E, C_out, H', W')``.

        Raises:
            ShapeError: the channels do not fit, or the size of the image breaks exactness.
        """
        self.in_type.check(x, ("E",), "FrozenConv")
        self.options.check_image(self.in_type.points, x)
        return self.grouping.convolve(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, {self.options}"


def freeze(model: nn.Module) -> nn.Module:
    """Return a copy of a trained network with constant filters, for fast inference.

    Every :class:`~eqsets_planar.SteerableConv` becomes a :class:`FrozenConv`. The outputs are the
    same; the filters cannot be trained any more, and the ``state_dict`` has other keys. The network
    that was passed does not change, and later changes of it do not reach the copy.

    Arguments:
        model: any module, or a convolution itself.

    Raises:
        FeatureTypeError: it is no module.

    Example:
        >>> import torch
        >>> from eqsets import DSS
        >>> layer = DSS("planar", 1, "2 regular")
        >>> frozen, x = freeze(layer), torch.randn(2, 3, 1, 9, 9)
        >>> torch.equal(frozen(x), layer(x)), len(list(frozen.parameters()))
        (True, 0)
    """
    if not isinstance(model, nn.Module):
        raise FeatureTypeError(
            f"freeze got {type(model).__name__}, expected a torch.nn.Module. Pass the network."
        )
    frozen = copy.deepcopy(model)
    if isinstance(frozen, SteerableConv):
        return FrozenConv(frozen)
    replaced: dict[SteerableConv, FrozenConv] = {}  # a convolution that is used twice stays one
    for parent in list(frozen.modules()):
        for name, child in list(parent._modules.items()):  # with those that have two names
            if isinstance(child, SteerableConv):
                if child not in replaced:
                    replaced[child] = FrozenConv(child)
                setattr(parent, name, replaced[child])
    return frozen
