"""The frame of a family: one for each factor, side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError
from eqsets.families import ProductFamily, TransformationFamily
from eqsets.generative.canonicalization.chart import factors_of, is_affine
from eqsets.generative.canonicalization.color_frame import ColorFrame
from eqsets.generative.canonicalization.discrete_frame import DiscreteFrame
from eqsets.generative.canonicalization.pose import Frame, Pose
from eqsets.generative.canonicalization.spatial_frame import SpatialFrame

__all__ = ["FamilyFrame", "IdentityFrame", "analytic_frame"]


class IdentityFrame(Frame):
    """Calls every image canonical: for a network that does all the work."""

    def __init__(self, family: TransformationFamily) -> None:
        super().__init__()
        self.family = family

    def forward(self, x: Tensor) -> Pose:
        g = self.family.group.identity(len(x), device=x.device)
        return Pose(g.to(x.dtype) if g.is_floating_point() else g, torch.zeros_like(x[:, 0, 0, 0]))


class FamilyFrame(Frame):
    """The frames of the factors of a family; all look at the image as it is.

    That is right because factors commute and each frame is blind to the other factors: places are
    weighted by the brightest channel, colours are ratios of sums over pixels.

    Arguments:
        family: a family or product of families.
        frames: one for each factor.
    """

    def __init__(self, family: TransformationFamily, frames: list[Frame]) -> None:
        super().__init__()
        self.family = family
        self.frames = nn.ModuleList(frames)

    def forward(self, x: Tensor) -> Pose:
        return self.join([frame(x) for frame in self.frames], x)

    def join(self, poses: list[Pose], x: Tensor) -> Pose:
        """Return one pose from those of the factors; the least clear decides the clarity."""
        clarity = torch.stack([pose.clarity for pose in poses]).amin(0)
        if isinstance(self.family, ProductFamily):
            return Pose(self.family.group.pack(*(pose.g for pose in poses)).to(x.dtype), clarity)
        return Pose(poses[0].g, clarity)

    def calibrate(self, images: Tensor) -> None:
        for frame in self.frames:
            frame.calibrate(images)  # type: ignore[operator]


def analytic_frame(
    family: TransformationFamily, *, background: float = -1.0, only_discrete: bool = False
) -> FamilyFrame:
    """Return the closed-form frame of a family.

    Args:
        family: a family or product of families; a factor that is neither affine, nor of colours,
            nor discrete gets the identity.
        background: intensity that counts as nothing.
        only_discrete: whether only discrete factors get a frame.

    Raises:
        OptionError: a factor mixes discrete with continuous parameters.
    """
    return FamilyFrame(
        family, [_frame(factor, background, only_discrete) for factor in factors_of(family)]
    )


def _frame(family: TransformationFamily, background: float, only_discrete: bool) -> Frame:
    discrete = [one.levels is not None for one in family.parameters_of_eta]
    if all(discrete):
        return DiscreteFrame(family)
    if any(discrete):
        raise OptionError(
            f"{family!r} has discrete and continuous parameters in one factor, expected one kind. "
            "Make it a product of a discrete family and a continuous one."
        )
    if only_discrete:
        return IdentityFrame(family)
    if is_affine(family):
        return SpatialFrame(family, background)
    if {"hue", "saturation", "value"}.issuperset(family.names):
        return ColorFrame(family)
    return IdentityFrame(family)
