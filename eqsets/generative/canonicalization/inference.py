r"""Transformation inference: from an image to the group element that made it of its prototype.

.. math:: x = \mathrm{act}(\hat g(x), \hat x), \qquad
          \hat g(x) = \mathrm{frame}(x) \cdot \mathrm{element}\bigl(r(\mathrm{act}(
          \mathrm{frame}(x)^{-1}, x))\bigr)

with a frame in closed form and a network ``r`` that sees the image in this frame and corrects it.
As far as the frame moves with the image, ``r`` cannot tell the members of an orbit apart, so the
prototype is invariant whatever ``r`` has learned. With the identity as frame this is the published
network.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from eqsets.families import ProductFamily, TransformationFamily
from eqsets.generative.canonicalization import moments
from eqsets.generative.canonicalization.chart import chart_of
from eqsets.generative.canonicalization.encoders import ConvEncoder, DenseEncoder, zero_last_layer
from eqsets.generative.canonicalization.frames import FamilyFrame, analytic_frame
from eqsets.generative.canonicalization.heads import CoordinateHead
from eqsets.generative.canonicalization.polar import PolarDirection
from eqsets.generative.canonicalization.pose import Pose
from eqsets.generative.canonicalization.spatial_frame import SpatialFrame, turn

__all__ = ["BACKBONES", "Inference", "Rings"]

BACKBONES = ("analytic", "canonical", "cnn", "mlp")
"""Names of the backbones: the frame alone; frame, learned direction and correction; networks."""


class Rings(NamedTuple):
    """What the loss of the learned direction needs."""

    intensity: Tensor  # (B, rings, angles)
    scores: Tensor  # (B, angles)
    upright: Tensor  # (B, 3, 3)


class Found(NamedTuple):
    """All that inference finds out about images."""

    g: Tensor  # (B, *element_shape)
    clarity: Tensor  # (B)
    correction: Tensor | None  # (B, k), the sum over passes
    rings: Rings | None


class Inference(nn.Module):
    """Infer the group elements of images.

    Arguments:
        family: which transformations.
        image_shape: ``(C, H, W)``.
        backbone: ``"analytic"`` (closed form, nothing learned), ``"canonical"`` (that, a learned
            direction and a learned correction), ``"cnn"`` or ``"mlp"`` (the published network).
        background: intensity that counts as nothing in the closed forms.
        passes: how often the correction is applied.
    """

    def __init__(
        self,
        family: TransformationFamily,
        image_shape: tuple[int, int, int],
        backbone: str,
        *,
        background: float = -1.0,
        passes: int = 1,
    ) -> None:
        super().__init__()
        self.family, self.chart, self.passes = family, chart_of(family), passes
        learned = backbone in ("cnn", "mlp")
        self.frame: FamilyFrame = analytic_frame(
            family, background=background, only_discrete=learned
        )
        self.polar: PolarDirection | None = None
        self.encoder: nn.Module | None = None
        self.head = CoordinateHead(self.chart, centred=not learned)
        if backbone == "canonical" and any(_turns(frame) for frame in self.frame.frames):
            self.polar = PolarDirection()
        if backbone != "analytic" and self.head.inputs:
            build = DenseEncoder if backbone == "mlp" else ConvEncoder
            self.encoder = build(image_shape, self.head.inputs)
            zero_last_layer(self.encoder)

    def forward(self, x: Tensor) -> Found:
        """Infer from images ``(B, C, H, W)`` in ``[-1, 1]``."""
        pose, rings = self._pose(x)
        if self.encoder is None:
            return Found(pose.g, pose.clarity, None, rings)
        group, g = self.family.group, pose.g
        corrections = torch.zeros(())
        for _ in range(self.passes):
            seen = self.family.act(group.inverse(g), x)
            correction = self.head(self.encoder(seen))
            g = group.compose(g, self.chart.element(correction))
            corrections = corrections + correction
        return Found(g, pose.clarity, corrections, rings)

    def affine_part(self, g: Tensor) -> Tensor:
        """Return the forward matrices ``(B, 3, 3)`` of the factor whose direction is learned."""
        family = self.family
        if not isinstance(family, ProductFamily):
            return g
        parts = zip(self.frame.frames, family.group.unpack(g), strict=True)
        return next(part for frame, part in parts if _turns(frame))

    def _pose(self, x: Tensor) -> tuple[Pose, Rings | None]:
        if self.polar is None:
            return self.frame(x), None
        poses, rings = [], None
        for frame in self.frame.frames:
            if not (isinstance(frame, SpatialFrame) and frame.turns):
                poses.append(frame(x))
                continue
            pose, rings = self._learned_direction(frame, self.polar, x)
            poses.append(pose)
        return self.frame.join(poses, x), rings

    def _learned_direction(
        self, frame: SpatialFrame, polar: PolarDirection, x: Tensor
    ) -> tuple[Pose, Rings]:
        with torch.no_grad():
            clarity = frame(x).clarity
            upright = frame.upright(x)[0]
            light = moments.intensity(x, frame.background.to(x.dtype)).unflatten(-1, x.shape[-2:])
            linear, centre = frame.ring_places(upright)
            found = polar.rings(light, linear, centre, frame.aspect(x))
        scores = polar(found)
        angle = polar.direction(scores)
        direction = torch.stack([angle.cos(), angle.sin()], -1)
        return Pose(upright @ turn(direction), clarity), Rings(found, scores, upright)


def _turns(frame: nn.Module) -> bool:
    return isinstance(frame, SpatialFrame) and frame.turns
