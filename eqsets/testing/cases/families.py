"""What the laws of transformations are tried on: a family, and smooth elements of its domain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.testing import strategies
from eqsets.testing.trial import Trial

__all__ = ["FamilyCase"]


@dataclass(frozen=True, eq=False)
class FamilyCase:
    """A family of transformations."""

    family: TransformationFamily

    label = "family"

    @property
    def size(self) -> tuple[int, ...]:
        """The size of the elements: height and width of images."""
        return self.family.domain.default_size

    @property
    def gentle(self) -> Tensor:
        """Ranges within which nothing leaves an element or is clipped, ``(k, 2)``.

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

    def elements(self, trial: Trial, *batch: int) -> Tensor:
        """Return smooth elements ``(*batch, *element)`` in float64."""
        return self.family.domain.sample(*batch, generator=trial.generator())
