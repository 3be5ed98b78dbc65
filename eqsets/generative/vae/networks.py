"""A small convolutional decoder, the mirror image of the encoder of inference."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ConvDecoder"]


class ConvDecoder(nn.Module):
    """Map ``(B, latent)`` to images ``(B, C, H, W)``: dense, then convolutions on finer grids.

    A convolution computes the four pixels that each pixel of the grid becomes, so the finest grid,
    where nearly all the time would go, only gets the last pixels and no convolution.

    References:
        Shi et al., *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network*, CVPR 2016.

    Arguments:
        latent: how many numbers.
        image_shape: ``(C, H, W)``.
        width: channels of the last hidden layer; coarser ones have twice as many.
        hidden: width of the dense layer.

    Example:
        >>> ConvDecoder(4, (3, 30, 21))(torch.zeros(2, 4)).shape
        torch.Size([2, 3, 30, 21])
    """

    def __init__(
        self, latent: int, image_shape: tuple[int, int, int], *, width: int = 16, hidden: int = 128
    ) -> None:
        super().__init__()
        channels, *size = image_shape
        self.sizes = [tuple(size)]
        while max(self.sizes[0]) > 8:
            self.sizes.insert(0, tuple((side + 1) // 2 for side in self.sizes[0]))
        before = 2 * width
        self.start = (before, *self.sizes[0])
        cells = before * self.sizes[0][0] * self.sizes[0][1]
        self.dense = nn.Sequential(
            nn.Linear(latent, hidden), nn.GELU(), nn.Linear(hidden, cells), nn.GELU()
        )
        self.convolutions = nn.ModuleList()
        for left in range(len(self.sizes) - 1, 0, -1):
            after = channels if left == 1 else width if left == 2 else 2 * width
            self.convolutions.append(nn.Conv2d(before, 4 * after, 3, padding=1))
            before = after
        if len(self.sizes) == 1:
            self.convolutions.append(nn.Conv2d(before, channels, 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        x = self.dense(z).unflatten(1, self.start)
        if len(self.sizes) == 1:
            return torch.tanh(self.convolutions[0](x))
        for index, (height, width) in enumerate(self.sizes[1:]):
            x = x if index == 0 else F.gelu(x)
            x = F.pixel_shuffle(self.convolutions[index](x), 2)[..., :height, :width]
        return torch.tanh(x)
