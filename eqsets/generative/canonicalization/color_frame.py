"""The closed-form frame of hue, saturation and value."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization.pose import Frame, Pose

__all__ = ["ColorFrame"]

_GREY = 1e-4  # mean chroma, of 1, below which an image has no hue


class ColorFrame(Frame):
    r"""Circular mean of the hue, logarithms of mean saturation and mean value.

    With chroma :math:`c = s v`,

    .. math:: \eta_h = \frac{1}{2\pi} \arg \sum_p c_p e^{2\pi i h_p}, \quad
              \eta_s = \log \frac{\sum_p c_p}{\sum_p v_p} - \log \bar s, \quad
              \eta_v = \log \frac{\sum_p v_p^2}{\sum_p v_p} - \log \bar v .

    The mean hue turns with the hue, and the others shift with saturation and value, as long as no
    pixel is clipped. All are ratios, so that it does not matter how much black is around.

    Arguments:
        family: a family with the parameters hue, and perhaps saturation and value.
    """

    usual: Tensor

    def __init__(self, family: TransformationFamily) -> None:
        super().__init__()
        self.family = family
        self.register_buffer("usual", torch.zeros(2))

    def forward(self, x: Tensor) -> Pose:
        hue, saturation, value, clarity = self._measure(x)
        usual = self.usual.to(x.dtype)
        found = {"hue": hue, "saturation": saturation - usual[0], "value": value - usual[1]}
        eta = torch.stack([found[name] for name in self.family.names], -1)
        return Pose(self.family.element(eta), clarity)

    def calibrate(self, images: Tensor) -> None:
        """Give canonical images the median saturation and value of ``images``."""
        _, saturation, value, clarity = self._measure(images)
        kept = clarity > 0
        if bool(kept.any()):
            self.usual.copy_(torch.stack([saturation[kept].median(), value[kept].median()]))

    def _measure(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        color = ((x + 1) / 2).clamp(0, 1).flatten(-2)
        value = color.amax(-2)
        chroma = value - color.amin(-2)
        angle = 2 * pi * _hue(color, value, chroma)
        cosine, sine = ((chroma * part).sum(-1) for part in (angle.cos(), angle.sin()))
        total, light = chroma.sum(-1), value.sum(-1)
        grey = total <= _GREY * chroma.shape[-1]
        length = (cosine.square() + sine.square()).clamp_min(1e-24).sqrt()
        unclear = grey | (length <= 1e-6 * total)
        hue = torch.atan2(torch.where(unclear, 0.0, sine), torch.where(unclear, 1.0, cosine))
        usual = self.usual.to(x.dtype)
        floor = light.clamp_min(1e-12)
        saturation = torch.where(grey, usual[0], (total / floor).clamp_min(1e-12).log())
        bright = (value.square().sum(-1) / floor).clamp_min(1e-12).log()
        value_level = torch.where(light <= _GREY * chroma.shape[-1], usual[1], bright)
        clarity = torch.where(grey, 0.0, length / total.clamp_min(1e-12))
        return hue / (2 * pi), saturation, value_level, clarity


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
