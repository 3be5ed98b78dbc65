"""A small convolutional decoder, the mirror image of the encoder of inference."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ConvDecoder"]


class ConvDecoder(nn.Module):
    """Map ``(B, latent)`` to images ``(B, C, H, W)``: dense, then convolutions on finer grids.

    Arguments:
        latent: how many numbers.
        image_shape: ``(C, H, W)``.
        width: channels of the last hidden layer; coarser ones have twice as many.
        hidden: width of the dense layer.
    """

    def __init__(
        self, latent: int, image_shape: tuple[int, int, int], *, width: int = 12, hidden: int = 128
    ) -> None:
        super().__init__()
        channels, *size = image_shape
        self.sizes = [tuple(size)]
        while max(self.sizes[0]) > 4:
            self.sizes.insert(0, tuple((side + 1) // 2 for side in self.sizes[0]))
        self.start = (2 * width, *self.sizes[0])
        cells = 2 * width * self.sizes[0][0] * self.sizes[0][1]
        self.dense = nn.Sequential(
            nn.Linear(latent, hidden), nn.GELU(), nn.Linear(hidden, cells), nn.GELU()
        )
        self.convolutions = nn.ModuleList()
        for place in range(1, len(self.sizes)):
            out = width if place == len(self.sizes) - 1 else 2 * width
            self.convolutions.append(nn.Conv2d(2 * width, out, 3, padding=1))
        last = width if len(self.sizes) > 1 else 2 * width
        self.last = nn.Conv2d(last, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.dense(z).unflatten(1, self.start)
        for convolution, size in zip(self.convolutions, self.sizes[1:], strict=True):
            x = F.gelu(convolution(F.interpolate(x, size=size, mode="bilinear")))
        image: Tensor = torch.tanh(self.last(x))
        return image
