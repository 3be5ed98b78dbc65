"""What the laws of transformations are tried on: a family, and smooth images for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.testing import strategies
from eqsets.testing.trial import Trial

__all__ = ["SIZE", "FamilyCase", "smooth_images"]

SIZE = (32, 32)
"""Height and width of the images."""


@dataclass(frozen=True, eq=False)
class FamilyCase:
    """A family of transformations."""

    family: TransformationFamily

    label = "family"

    @property
    def gentle(self) -> Tensor:
        """Ranges within which nothing leaves the frame or is clipped, ``(k, 2)``.

        Whole circles, and a quarter of what random augmentation draws on lines.
        """
        periodic = [period is not None for period in self.family.periodic]
        return torch.where(
            torch.tensor(periodic)[:, None], self.family.bounds, self.family.bounds / 4
        )

    def eta(self, trial: Trial, *batch: int, bounds: Tensor | None = None) -> Tensor:
        """Draw parameters ``(*batch, k)`` in float64 and write them down."""
        seed = trial.draw("eta from seed", strategies.seeds())
        generator = torch.Generator().manual_seed(seed)
        chosen = self.family.bounds if bounds is None else bounds
        eta = self.family.sample(*batch, generator=generator, bounds=chosen, dtype=torch.float64)
        trial.note(eta=eta)
        return eta

    def images(self, trial: Trial, *batch: int) -> Tensor:
        """Return smooth images ``(*batch, C, H, W)`` in float64; see :func:`smooth_images`."""
        channels = self.family.channels or 2
        return smooth_images((*batch, channels), SIZE, trial.generator())


def smooth_images(
    shape: tuple[int, ...], size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Return ``(*shape, *size)``: three soft spots near the middle of a black image.

    They are as sharp as a cubic spline can follow, dark and pale enough that no colour is clipped,
    and far enough from the border that a gentle transformation moves nothing out of the frame.
    """
    height, width = size
    batch, channels = shape[:-1], shape[-1]
    small, dtype = min(size), torch.float64
    row = torch.arange(height, dtype=dtype)[:, None] - (height - 1) / 2
    column = torch.arange(width, dtype=dtype) - (width - 1) / 2
    total = torch.zeros(*shape, *size, dtype=dtype)
    for _ in range(3):
        position = (
            (torch.rand(2, *batch, 1, 1, 1, generator=generator, dtype=dtype) - 0.5) * small / 5
        )
        spot = (-((row - position[0]) ** 2 + (column - position[1]) ** 2) / (small / 6)).exp()
        color = torch.rand(*batch, channels, 1, 1, generator=generator, dtype=dtype)
        total = total + spot * (0.5 + 0.2 * color)
    # black is black, in all channels at once: whole-pixel shifts lose nothing, colours stay pale
    total = torch.where(total.amax(-3, keepdim=True) > 1e-5, total, 0.0)
    return total * (0.6 / total.amax((-3, -2, -1), keepdim=True)) - 1
