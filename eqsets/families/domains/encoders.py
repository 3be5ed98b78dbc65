"""Networks from elements to numbers: dense, convolutions on a grid, or invariant on points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

__all__ = ["ConvEncoder", "DenseEncoder", "PointEncoder", "zero_last_layer"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class DenseEncoder(nn.Sequential):
    """Dense layers with GELU and layer norm, as published: ``(B, *shape)`` to ``(B, out)``.

    Arguments:
        shape: of one element, such as ``(C, H, W)``.
        out: how many numbers.
        hidden: widths of the layers (published: 2048, 1024, 512, 256).
        dropout: rate behind each layer.
    """

    def __init__(
        self,
        shape: Sequence[int],
        out: int,
        *,
        hidden: Sequence[int] = (2048, 1024, 512, 256),
        dropout: float = 0.0,
    ) -> None:
        widths = [prod(shape), *hidden]
        parts: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.GELU("tanh"), nn.LayerNorm(after, eps=1e-6)]
            parts += [nn.Dropout(dropout)] if dropout else []
        super().__init__(*parts, nn.Linear(widths[-1], out))


class ConvEncoder(nn.Module):
    """Strided convolutions down to about 4 points along each axis, then dense layers.

    Arguments:
        shape: ``(C, *grid)`` of one element, with 1 to 3 axes of the grid.
        out: how many numbers.
        width: channels of the first convolution; the others have twice as many.
        hidden: width of the dense layer.
        dropout: rate behind the dense layer.

    Example:
        >>> ConvEncoder((2, 30), 3)(torch.zeros(5, 2, 30)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        shape: Sequence[int],
        out: int,
        *,
        width: int = 24,
        hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels, *size = shape
        convolution = _CONVOLUTIONS[len(size) - 1]
        parts: list[nn.Module] = []
        before, after = channels, width
        while max(size) > 4:
            parts += [convolution(before, after, 3, stride=2, padding=1), nn.GELU()]
            size, before, after = [(side + 1) // 2 for side in size], after, 2 * width
        self.convolutions = nn.Sequential(*parts, nn.Flatten())
        self.dense = nn.Sequential(
            nn.Linear(before * prod(size), hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, *grid)`` to ``(B, out)``."""
        numbers: Tensor = self.dense(self.convolutions(x))
        return numbers


class PointEncoder(nn.Module):
    r"""Invariant under the order of points: ``(B, P, d)`` to ``(B, out)``.

    .. math:: y = \rho\Bigl(\tfrac1P \sum_p \varphi(x_p), \; \max_p \varphi(x_p)\Bigr)

    References:
        Zaheer et al., *Deep Sets*, NeurIPS 2017, theorem 2.

    Arguments:
        shape: ``(P, d)`` of one element; ``P`` may be another one later.
        out: how many numbers.
        width: of the layers on points.
        hidden: width of the dense layer.
        dropout: rate behind the dense layer.

    Example:
        >>> encoder, x = PointEncoder((5, 3), 2), torch.randn(4, 5, 3)
        >>> torch.allclose(encoder(x), encoder(x.flip(1)), atol=1e-6)
        True
    """

    def __init__(
        self,
        shape: Sequence[int],
        out: int,
        *,
        width: int = 64,
        hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.points = nn.Sequential(
            nn.Linear(shape[-1], width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.dense = nn.Sequential(
            nn.Linear(2 * width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, P, d)`` to ``(B, out)``."""
        points = self.points(x)
        numbers: Tensor = self.dense(torch.cat([points.mean(-2), points.amax(-2)], -1))
        return numbers


def zero_last_layer(encoder: nn.Module) -> None:
    """Make an encoder return zeros until it is trained."""
    last = [module for module in encoder.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.zero_()
