r"""What of an image moves: objects in front of a background that stays where it is.

An object may be rotated or scaled in front of clutter, a texture or a photo. Moments of the whole
image are those of the background then, and an image that is moved back moves it as well. What is
known of the background without a model of it is the outermost frame of an image, which objects do
not reach. With the content :math:`v_p` of pixel ``p`` and the quantile :math:`t` of the frame,

.. math:: v'_p = \max(0, v_p - t) \, \frac{\max_q v_q}{\max_q v_q - t}

is left of the object. Where objects are not brighter than that, nothing can be said of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from eqsets.families import Domain, Images, TransformationFamily

__all__ = ["Foreground", "foreground"]

_FRAME = 2  # pixels
_OFTEN = 0.25  # part of the images with clutter, from which on all are seen as objects on clutter
_CLUTTER = 0.2  # light of the frame, relative to the brightest pixels
_VARIED = 0.08  # the same: the range of the frame, below which a background is plain
_LEFT = 0.25  # of the light of the brightest pixels that must remain
_QUANTILE = 0.99


class Foreground(NamedTuple):
    """Images without their background, and what is known of it.

    Attributes:
        images: ``(n, C, H, W)``; as they were, unless ``background`` is ``"subtracted"``.
        background: ``"none"``: nothing, or plain; ``"subtracted"``; or ``"mixed"``: as bright as
            the objects, if there are any.
        share: part of the images with clutter at the border.
    """

    images: Tensor
    background: str
    share: float


def foreground(x: Tensor, domain: Domain, family: TransformationFamily | None = None) -> Foreground:
    """Return what is brighter than the outermost frame, where there is clutter in it.

    Args:
        x: elements ``(n, *element)``; others than images are returned as they are.
        domain: of the elements.
        family: of the transformations that are searched: if it permutes or recolours pixels, and
            interpolates nothing, images stay as they are. Default: one that interpolates.

    Example:
        >>> import torch
        >>> x = torch.rand(40, 1, 16, 16) * 0.6 - 1
        >>> x[:, :, 6:9, 6:12] = 1.0
        >>> foreground(x, Images()).background
        'subtracted'
        >>> foreground(x.where(x > 0, torch.tensor(-1.0)), Images()).background
        'none'
    """
    exact = family is not None and not family.interpolates
    if exact or not isinstance(domain, Images) or min(x.shape[-2:]) <= 4 * _FRAME:
        return Foreground(x, "none", 0.0)
    light = domain.content(x)  # (n, 1, H, W)
    frame = torch.ones_like(light[0, 0], dtype=torch.bool)
    frame[_FRAME:-_FRAME, _FRAME:-_FRAME] = False
    around = light[:, 0, frame]
    brightest = light.flatten(1).quantile(_QUANTILE, -1).clamp_min(1e-6)
    low, high = around.quantile(around.new_tensor([0.05, 0.95]), -1)
    cluttered = (high > _CLUTTER * brightest) & (high - low > _VARIED * brightest)
    share = float(cluttered.float().mean())
    if share < _OFTEN:
        return Foreground(x, "none", share)
    level = around.quantile(_QUANTILE, -1)[:, None, None, None]
    top = light.flatten(1).amax(-1)[:, None, None, None]
    left = (light - level).clamp_min(0) * (top / (top - level).clamp_min(1e-6))
    separate = ((top - level) > _LEFT * top).flatten()
    if float(separate.float().mean()) < 1 - _OFTEN:
        return Foreground(x, "mixed", share)
    above = (x - domain.background) * (left / light.clamp_min(1e-6))
    return Foreground((domain.background + above).clamp(-1, 1), "subtracted", share)
