"""The canonical frame of hue, saturation and value."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor

from eqsets.families import Frame, Pose, at_least_float32, without_autocast

__all__ = ["ColorFrame"]

_GREY = 1e-4  # mean chroma, of 1, below which an image has no hue


class ColorFrame(Frame):
    r"""Circular mean of the hue, logarithms of mean saturation and mean value.

    With chroma :math:`c = s v`,

    .. math:: \eta_h = \frac{1}{2\pi} \arg \sum_p c_p e^{2\pi i h_p}, \quad
              \eta_s = \log \frac{\sum_p c_p}{\sum_p v_p} - \log \bar s, \quad
              \eta_v = \log \frac{\sum_p v_p^2}{\sum_p v_p} - \log \bar v .

    The mean hue turns with the hue, and the others shift with saturation and value, as long as no
    pixel is clipped. All are ratios, so that the amount of black around the content is irrelevant.

    Arguments:
        element: from ``eta: (B, size)`` to group elements.
        size: 1 (hue), 2 (and saturation) or 3 (and value).
    """

    usual: Tensor

    def __init__(self, element: Callable[[Tensor], Tensor], size: int) -> None:
        super().__init__()
        self.element, self.size = element, size
        self.register_buffer("usual", torch.zeros(2))

    @without_autocast
    def forward(self, x: Tensor) -> Pose:
        x = at_least_float32(x)
        hue, saturation, value, confidence = self._measure(x)
        usual = self.usual.to(x.dtype)
        eta = torch.stack([hue, saturation - usual[0], value - usual[1]], -1)
        return Pose(self.element(eta[..., : self.size]), confidence)

    def calibrate(self, x: Tensor) -> None:
        """Give canonical images the median saturation and value of images ``x``."""
        _, saturation, value, confidence = self._measure(x)
        colored = confidence > 0
        if bool(colored.any()):
            self.usual.copy_(torch.stack([saturation[colored].median(), value[colored].median()]))

    def _measure(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        color = ((x + 1) / 2).clamp(0, 1).flatten(-2)
        value = color.amax(-2)
        chroma = value - color.amin(-2)
        angle = 2 * pi * _hue(color, value, chroma)
        cosine, sine = ((chroma * part).sum(-1) for part in (angle.cos(), angle.sin()))
        total, light = chroma.sum(-1), value.sum(-1)
        grey = total <= _GREY * chroma.shape[-1]
        length = (cosine.square() + sine.square()).clamp_min(1e-24).sqrt()
        undefined = grey | (length <= 1e-6 * total)
        hue = torch.atan2(torch.where(undefined, 0.0, sine), torch.where(undefined, 1.0, cosine))
        usual = self.usual.to(x.dtype)
        floor = light.clamp_min(1e-12)
        saturation = torch.where(grey, usual[0], (total / floor).clamp_min(1e-12).log())
        bright = (value.square().sum(-1) / floor).clamp_min(1e-12).log()
        value_level = torch.where(light <= _GREY * chroma.shape[-1], usual[1], bright)
        confidence = torch.where(grey, 0.0, length / total.clamp_min(1e-12))
        return hue / (2 * pi), saturation, value_level, confidence


def _hue(color: Tensor, value: Tensor, chroma: Tensor) -> Tensor:
    """Return the hue in turns; 0 for grey pixels, with finite derivatives."""
    red, green, blue = color.unbind(-2)
    safe = torch.where(chroma > 0, chroma, 1.0)
    sector = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return torch.where(chroma > 0, sector / 6, 0.0)
