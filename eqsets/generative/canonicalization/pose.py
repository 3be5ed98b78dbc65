"""What a canonical frame says about images, and what every frame can do."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

__all__ = ["Frame", "Pose"]


@dataclass(frozen=True, eq=False)
class Pose:
    """Where images are on their orbits, and how sure that is.

    Attributes:
        g: group elements ``(*batch, *element_shape)`` with ``x = act(g, canonical image)``.
        clarity: ``(*batch)`` in ``[0, 1]``: 0 where nothing fixes the frame (the image is blank, or
            symmetric itself, or grey), so that ``g`` is a fallback: finite, and arbitrary.
    """

    g: Tensor
    clarity: Tensor


class Frame(nn.Module):
    r"""A map from images to group elements that moves with the image.

    .. math:: \mathrm{frame}(\mathrm{act}(g, x)) = g \cdot \mathrm{frame}(x)

    So :math:`\mathrm{act}(\mathrm{frame}(x)^{-1}, x)` is the same for a whole orbit: a prototype.
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Pose:
        """Return the pose of images ``(B, C, H, W)`` in ``[-1, 1]``."""

    def calibrate(self, images: Tensor) -> None:
        """Choose which member of an orbit is canonical, so that it looks like ``images``."""
