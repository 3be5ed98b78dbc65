r"""The loss of transformation inference: two views of an image must agree about it.

Two random transformations :math:`r_1, r_2` make two views of an image, and inference finds
:math:`\hat g_1, \hat g_2`. If it is right, the prototypes are the same, so

.. math:: h = r_1^{-1} \hat g_1 \, \hat g_2^{-1} r_2, \qquad
          \mathrm{loss}_x = \operatorname{mean} \, (x - \mathrm{act}(h, x))^2

vanishes: everything is composed as group elements, and pixels are interpolated once.

An inference that pushes all content out of the frame makes all prototypes alike, too. So what a
prototype cannot hold is measured, by the validity of the transformation, and paid for. Blurring at
the beginning, the published remedy, is there as well (:func:`blur`), and hardly needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization.inference import Inference, Rings

__all__ = ["LossWeights", "blur", "inference_loss", "lost_content"]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms beside the error in image space.

    Attributes:
        lost: of content that the prototype cannot hold.
        rings: of the expected error of the learned direction.
        drift: of corrections that all images share; without it prototypes may shrink together.
    """

    lost: float = 1.0
    rings: float = 0.3
    drift: float = 0.03


def inference_loss(
    inference: Inference,
    x: Tensor,
    views: tuple[Tensor, Tensor],
    weights: LossWeights,
    *,
    order: int = 1,
) -> dict[str, Tensor]:
    """Return the terms of the loss and, as ``"loss"``, their weighted sum.

    Args:
        inference: the network.
        x: images ``(B, C, H, W)``.
        views: the group elements that make the two views, ``(B, *element_shape)`` each.
        weights: of the terms.
        order: of the interpolation.
    """
    family = inference.family
    group = family.group
    both = torch.cat([family.act(r, x, order=order) for r in views])
    found = inference(both)
    first, second = found.g.chunk(2)
    relative = group.compose(first, group.inverse(second))
    back = group.compose(group.compose(group.inverse(views[0]), relative), views[1])
    terms = {"image": (x - family.act(back, x, order=order)).square().mean()}
    terms["lost"] = lost_content(family, found.g, both).mean()
    total = terms["image"] + weights.lost * terms["lost"]
    if found.correction is not None:
        shared = found.correction.mean(0)
        terms["drift"] = (shared * _on_lines(inference, shared)).square().sum()
        total = total + weights.drift * terms["drift"]
    if found.rings is not None and inference.polar is not None:
        terms["rings"] = _ring_loss(inference, found.rings, views)
        total = total + weights.rings * terms["rings"]
    return {"loss": total, **terms}


def lost_content(family: TransformationFamily, g: Tensor, x: Tensor) -> Tensor:
    """Return which part of the content of ``x`` its prototype cannot hold, ``(B)`` in [0, 1]."""
    light = (x.amax(-3, keepdim=True) + 1) / 2
    outside = 1 - family.validity(g, x)
    total = light.sum((-3, -2, -1)).clamp_min(1e-6)
    return (outside * light).sum((-3, -2, -1)) / total


def _on_lines(inference: Inference, like: Tensor) -> Tensor:
    """Return 1 for coordinates on lines, 0 for those on circles, which may drift."""
    return like.new_tensor([0.0 if p.period else 1.0 for p in inference.chart.parameters])


def _ring_loss(inference: Inference, rings: Rings, views: tuple[Tensor, Tensor]) -> Tensor:
    polar = inference.polar
    if polar is None:
        raise AssertionError("rings come from the learned direction")
    upright = rings.upright.chunk(2)
    with torch.no_grad():
        back = [inference.affine_part(inference.family.group.inverse(r)) for r in views]
        placed = [b.to(u.dtype) @ u for b, u in zip(back, upright, strict=True)]
        across = torch.linalg.solve(placed[0], placed[1])
        turned = torch.atan2(across[:, 1, 0] - across[:, 0, 1], across[:, 0, 0] + across[:, 1, 1])
    first, second = rings.scores.chunk(2)
    return polar.loss(rings.intensity.chunk(2)[0], (first, second), turned)


def blur(x: Tensor, sigma: float, *, fill: float = -1.0) -> Tensor:
    """Return images blurred by a normalised 5 x 5 Gaussian; as they are below ``sigma = 1e-5``.

    Example:
        >>> x = torch.full((1, 1, 5, 5), -1.0)
        >>> x[0, 0, 0, 0] = 1.0
        >>> blur(x, 3.0)[0, 0, 0, :3].mul(1e4).round().div(1e4)
        tensor([-0.9009, -0.9063, -0.9207])
    """
    if sigma <= 1e-5:
        return x
    steps = torch.arange(-2, 3, dtype=x.dtype, device=x.device)
    bell = torch.softmax(-steps.square() / (2 * sigma**2), 0)
    down, right = (_band(bell, size) for size in x.shape[-2:])
    return down @ (x - fill) @ right + fill


def _band(bell: Tensor, size: int) -> Tensor:
    """Return the matrix that convolves ``size`` pixels with ``bell``: faster than small kernels."""
    places = torch.arange(size, device=bell.device)
    away = (places[:, None] - places) + len(bell) // 2
    inside = (away >= 0) & (away < len(bell))
    return torch.where(inside, bell[away.clamp(0, len(bell) - 1)], 0.0)
