"""Networks from images to numbers: the published one, and a small convolutional one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["ConvEncoder", "DenseEncoder"]


class DenseEncoder(nn.Sequential):
    """Dense layers with GELU and layer norm, as published: ``(B, C, H, W)`` to ``(B, out)``.

    Arguments:
        image_shape: ``(C, H, W)``.
        out: how many numbers.
        hidden: widths of the layers (published: 2048, 1024, 512, 256).
        dropout: rate behind each layer.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        out: int,
        *,
        hidden: Sequence[int] = (2048, 1024, 512, 256),
        dropout: float = 0.0,
    ) -> None:
        widths = [image_shape[0] * image_shape[1] * image_shape[2], *hidden]
        parts: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.GELU("tanh"), nn.LayerNorm(after, eps=1e-6)]
            parts += [nn.Dropout(dropout)] if dropout else []
        super().__init__(*parts, nn.Linear(widths[-1], out))


class ConvEncoder(nn.Module):
    """Strided convolutions down to about 4 x 4 pixels, then dense layers.

    Arguments:
        image_shape: ``(C, H, W)``.
        out: how many numbers.
        width: channels of the first convolution; the others have twice as many.
        hidden: width of the dense layer.
        dropout: rate behind the dense layer.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        out: int,
        *,
        width: int = 24,
        hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels, height, width_of_image = image_shape
        parts: list[nn.Module] = []
        size, before, after = [height, width_of_image], channels, width
        while max(size) > 4:
            parts += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GELU()]
            size, before, after = [(side + 1) // 2 for side in size], after, 2 * width
        self.convolutions = nn.Sequential(*parts, nn.Flatten())
        self.dense = nn.Sequential(
            nn.Linear(before * size[0] * size[1], hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, out)``."""
        numbers: Tensor = self.dense(self.convolutions(x))
        return numbers


def zero_last_layer(encoder: nn.Module) -> None:
    """Make an encoder return zeros until it is trained."""
    last = [module for module in encoder.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.zero_()
