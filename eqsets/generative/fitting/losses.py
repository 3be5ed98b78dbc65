r"""The loss of transformation inference: two views of an image must agree about it.

Two random transformations :math:`r_1, r_2` make two views of an image, and inference finds
:math:`\hat g_1, \hat g_2`. If it is right, the prototypes are the same, so

.. math:: h = r_1^{-1} \hat g_1 \, \hat g_2^{-1} r_2, \qquad
          \mathrm{loss}_x = \operatorname{mean} \, (x - \mathrm{act}(h, x))^2

vanishes: everything is composed as group elements, and pixels are interpolated once.

An inference that pushes all content out of the frame makes all prototypes equal, too. So what a
prototype cannot hold is measured, by the validity of the transformation, and paid for. Blurring at
the beginning, the published remedy, is there as well
(:func:`~eqsets.generative.data.blur.blur`), and hardly needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization.inference import Inference

__all__ = ["LossWeights", "inference_loss", "lost_content", "two_view_terms"]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms in addition to the error in image space.

    Attributes:
        lost: of content that the prototype cannot hold.
        rings: of the loss of the frame itself: the expected error of a learned direction.
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
        x: elements ``(B, *element)``.
        views: the group elements that make the two views, ``(B, *element_shape)`` each.
        weights: of the terms.
        order: of the interpolation.
    """
    family = inference.family
    both = torch.cat([family.act(r, x, order=order) for r in views])
    output = inference(both)
    terms = two_view_terms(family, x, both, views, output.g, order=order)
    total = terms["image"] + weights.lost * terms["lost"]
    if output.correction is not None:
        shared = output.correction.mean(0)
        terms["drift"] = (shared * _on_lines(inference, shared)).square().sum()
        total = total + weights.drift * terms["drift"]
    own = inference.frame.loss(output.pose, views)
    if own is not None:
        terms["rings"] = own
        total = total + weights.rings * own
    return {"loss": total, **terms}


def two_view_terms(
    family: TransformationFamily,
    x: Tensor,
    both: Tensor,
    views: tuple[Tensor, Tensor],
    output: Tensor,
    *,
    order: int = 1,
) -> dict[str, Tensor]:
    """Return the error in image space, ``"image"``, and the ``"lost"`` content.

    Args:
        family: of transformations.
        x: what is seen from two views, ``(B, ..., *element)``.
        both: the first views, then the second, ``(2 B, ..., *element)``.
        views: the group elements that make the two views, ``(B, ..., *element_shape)`` each.
        output: what inference says of both, ``(2 B, ..., *element_shape)``.
        order: of the interpolation.
    """
    group = family.group
    first, second = output.chunk(2)
    relative = group.compose(first, group.inverse(second))
    back = group.compose(group.compose(group.inverse(views[0]), relative), views[1])
    image = (x - family.act(back, x, order=order)).square().mean()
    return {"image": image, "lost": lost_content(family, output, both).mean()}


def lost_content(family: TransformationFamily, g: Tensor, x: Tensor) -> Tensor:
    """Return which part of the content of ``x`` its prototype cannot hold, ``(B)`` in [0, 1]."""
    content, axes = family.domain.content(x), tuple(range(-family.domain.axes, 0))
    outside = 1 - family.validity(g, x)
    total = content.sum(axes).clamp_min(1e-6)
    return (outside * content).sum(axes) / total


def _on_lines(inference: Inference, like: Tensor) -> Tensor:
    """Return 1 for coordinates on lines, 0 for those on circles, which may drift."""
    return like.new_tensor([0.0 if p.period else 1.0 for p in inference.chart.parameters])
