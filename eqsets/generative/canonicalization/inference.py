r"""Transformation inference: from an element to the group element that made it of its prototype.

.. math:: x = \mathrm{act}(\hat g(x), \hat x), \qquad
          \hat g(x) = \mathrm{frame}(x) \cdot \mathrm{element}\bigl(r(\mathrm{act}(
          \mathrm{frame}(x)^{-1}, x))\bigr)

with the canonical frame of the family and a network ``r`` that sees the element in this frame and
corrects it. As far as the frame is equivariant, ``r`` cannot distinguish the members of an orbit,
so the prototype is invariant whatever ``r`` has learned. With the identity as frame this is the
published network.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eqsets.families import (
    Frame,
    IdentityFrame,
    Pose,
    ProductFamily,
    ProductFrame,
    TransformationFamily,
    factors_of,
)
from eqsets.families.domains.encoders import zero_last_layer
from eqsets.generative.canonicalization.heads import CoordinateHead

__all__ = ["BACKBONES", "Inference", "InferenceOutput", "canonical_frame"]

BACKBONES = ("analytic", "canonical", "cnn", "mlp")
"""Names of the backbones: the frame alone; frame, learned frame and correction; networks."""


class InferenceOutput(NamedTuple):
    """What inference says of elements.

    Attributes:
        g: group elements ``(B, *element_shape)``.
        confidence: of the frame, ``(B)`` in ``[0, 1]``.
        correction: the sum of the corrections over passes ``(B, k)``, if there are any.
        pose: that of the frame alone.
    """

    g: Tensor
    confidence: Tensor
    correction: Tensor | None
    pose: Pose


class Inference(nn.Module):
    """Infer the group elements of elements of the domain of a family.

    Arguments:
        family: which transformations.
        shape: of one element, such as ``(C, H, W)``.
        backbone: ``"analytic"`` (the frame, nothing learned), ``"canonical"`` (the frame with its
            learned parts, and a learned correction), ``"cnn"`` or ``"mlp"`` (networks).
        background: value that counts as nothing in the frame; default: that of the domain.
        passes: how often the correction is applied.
    """

    _version = 2  # 1: the learned direction outside of the frame, as ``polar``

    def __init__(
        self,
        family: TransformationFamily,
        shape: tuple[int, ...],
        backbone: str,
        *,
        background: float | None = None,
        passes: int = 1,
    ) -> None:
        super().__init__()
        self.family, self.chart, self.passes = family, family.chart(), passes
        network = backbone in ("cnn", "mlp")
        self.frame = canonical_frame(
            family,
            background=background,
            learned=backbone == "canonical",
            only_discrete=network,
        )
        self.encoder: nn.Module | None = None
        self.head = CoordinateHead(self.chart, centred=not network)
        if backbone != "analytic" and self.head.inputs:
            dense = backbone == "mlp"
            self.encoder = family.domain.encoder(shape, self.head.inputs, dense=dense)
            zero_last_layer(self.encoder)

    def forward(self, x: Tensor) -> InferenceOutput:
        """Infer from elements ``(B, *shape)``."""
        pose = self.frame(x)
        if self.encoder is None:
            return InferenceOutput(pose.g, pose.confidence, None, pose)
        group, g = self.family.group, pose.g
        corrections = torch.zeros(())
        for _ in range(self.passes):
            canonical = self.family.act(group.inverse(g), x)
            correction = self.head(self.encoder(canonical))
            g = group.compose(g, self.chart.element(correction))
            corrections = corrections + correction
        return InferenceOutput(g, pose.confidence, corrections, pose)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        old = f"{prefix}polar."
        learned = [i for i, frame in enumerate(self.frame.frames) if list(frame.parameters())]
        for name in [name for name in state_dict if name.startswith(old)]:
            value = state_dict.pop(name)
            for i in learned:
                state_dict[f"{prefix}frame.frames.{i}.polar.{name.removeprefix(old)}"] = value
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


def canonical_frame(
    family: TransformationFamily,
    *,
    background: float | None = None,
    learned: bool = False,
    only_discrete: bool = False,
) -> ProductFrame:
    """Return the canonical frame of a family or product of families, as a product of one or more.

    Args:
        family: of the transformations.
        background: value that counts as nothing; default: that of the domain.
        learned: whether parts of it may be networks.
        only_discrete: whether only discrete factors get a frame, and the others the identity.
    """
    if only_discrete:
        frames: list[Frame] = [
            factor.frame(background=background) if factor.discrete else IdentityFrame(factor)
            for factor in factors_of(family)
        ]
        return ProductFrame(frames, family.group if isinstance(family, ProductFamily) else None)
    frame = family.frame(background=background, learned=learned)
    return frame if isinstance(frame, ProductFrame) else ProductFrame([frame], None)
