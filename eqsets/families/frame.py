r"""Canonical frames: from an element to the group element that made it of its canonical form.

A family says with :meth:`~eqsets.TransformationFamily.frame` how to find it. What holds of any
family is here: the identity, trying all of finitely many, and several factors side by side.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.families.action import Action
from eqsets.families.precision import at_least_float32, without_autocast
from eqsets.groups import ProductGroup

__all__ = ["DiscreteFrame", "Frame", "IdentityFrame", "Pose", "ProductFrame"]


@dataclass(frozen=True, eq=False)
class Pose:
    """Where elements are on their orbits, and how certain that is.

    Attributes:
        g: group elements ``(*batch, *element_shape)`` with ``x = act(g, canonical element)``.
        confidence: ``(*batch)`` in ``[0, 1]``: 0 where nothing fixes the frame (the element is
            empty, or symmetric itself), so that ``g`` is a fallback: finite, and arbitrary.
        extra: what :meth:`Frame.loss` needs, of a frame that learns.
    """

    g: Tensor
    confidence: Tensor
    extra: Any = None

    @property
    def clarity(self) -> Tensor:
        """The old name of ``confidence``."""
        warnings.warn(
            "Pose.clarity is deprecated: it is now confidence.", DeprecationWarning, stacklevel=2
        )
        return self.confidence


class Frame(nn.Module):
    r"""A map from elements to group elements that is equivariant.

    .. math:: \mathrm{frame}(\mathrm{act}(g, x)) = g \cdot \mathrm{frame}(x)

    So :math:`\mathrm{act}(\mathrm{frame}(x)^{-1}, x)` is the same for a whole orbit: a prototype.
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Pose:
        """Return the pose of elements ``(B, *element)``, in float32 at least."""

    def calibrate(self, x: Tensor) -> None:
        """Choose which member of an orbit is canonical, so that it resembles elements ``x``."""

    def loss(self, pose: Pose, views: tuple[Tensor, Tensor]) -> Tensor | None:
        """Return the loss of a frame that learns, a scalar; ``None`` of one that does not.

        Args:
            pose: of two views of the same elements, one after the other: ``2 B`` of them.
            views: the group elements that made the views, ``(B, *element_shape)`` each.
        """
        return None


class IdentityFrame(Frame):
    """Takes every element as canonical: for a network that does all the work.

    Arguments:
        family: of the transformations.
    """

    def __init__(self, family: Action) -> None:
        super().__init__()
        self.family = family

    def forward(self, x: Tensor) -> Pose:
        x = at_least_float32(x)
        batch = self.family.domain.batch(x)
        g = self.family.group.identity(*batch, device=x.device)
        return Pose(g.to(x.dtype) if g.is_floating_point() else g, x.new_zeros(batch))


class DiscreteFrame(Frame):
    r"""The transformation of finitely many under which an element is the most asymmetric.

    .. math:: g(x) = \arg\max_g \; \mathrm{asymmetry}(\mathrm{act}(g^{-1}, x))

    with :meth:`Domain.asymmetry <eqsets.families.Domain.asymmetry>`, on images the inner product of
    the content with a fixed ramp that no element of :math:`D_4` but the identity preserves. Exact:
    the canonical element is the same for the whole orbit, to the last bit, unless two
    transformations do equally well: then the confidence, the relative lead of the best over the
    next, is 0.

    Arguments:
        family: a family all of whose parameters are discrete.
    """

    etas: Tensor

    def __init__(self, family: Action) -> None:
        super().__init__()
        self.family = family
        levels = [range(one.levels or 1) for one in family.parameters_of_eta]
        self.register_buffer("etas", torch.tensor(list(product(*levels)), dtype=torch.float32))

    @without_autocast
    def forward(self, x: Tensor) -> Pose:
        domain, x = self.family.domain, at_least_float32(x)
        elements = self.family.element(self.etas)
        back = self.family.group.inverse(elements)
        with torch.no_grad():
            tried = self.family.act(back[:, None], x[None])
            best = domain.asymmetry(tried).topk(min(2, len(back)), 0)
            total = domain.content(tried[0]).flatten(1).sum(-1)
        lead = best.values[0] - best.values[-1]
        return Pose(elements[best.indices[0]], (lead / total.clamp_min(1e-6)).clamp(0, 1))


class ProductFrame(Frame):
    """The frames of the factors of a family, side by side; all see the element as it is.

    That is right because factors commute and each frame is invariant under the other factors:
    positions are weighted by the brightest channel, colours are ratios of sums over pixels.

    Arguments:
        frames: one for each factor.
        group: the product of the groups of the factors; ``None`` for a single one.
    """

    def __init__(self, frames: Sequence[Frame], group: ProductGroup | None) -> None:
        super().__init__()
        self.frames = nn.ModuleList(frames)
        self.group = group

    def forward(self, x: Tensor) -> Pose:
        x = at_least_float32(x)
        poses: list[Pose] = [frame(x) for frame in self.frames]
        confidence = torch.stack([pose.confidence for pose in poses]).amin(0)
        extra = tuple(pose.extra for pose in poses)
        if self.group is None:
            return Pose(poses[0].g, confidence, extra)
        g = self.group.pack(*(pose.g for pose in poses)).to(x.dtype)
        return Pose(g, confidence, extra)

    def calibrate(self, x: Tensor) -> None:
        for frame in self.frames:
            frame.calibrate(x)  # type: ignore[operator]

    def loss(self, pose: Pose, views: tuple[Tensor, Tensor]) -> Tensor | None:
        parts = [self._unpack(g) for g in (pose.g, *views)]
        total: Tensor | None = None
        for frame, extra, g, *pair in zip(self.frames, pose.extra, *parts, strict=True):
            own = frame.loss(Pose(g, pose.confidence, extra), tuple(pair))
            if own is not None:
                total = own if total is None else total + own
        return total

    def _unpack(self, g: Tensor) -> Sequence[Tensor]:
        return [g] if self.group is None else self.group.unpack(g)
