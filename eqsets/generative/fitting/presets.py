"""How long and with which settings a model is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from types import MappingProxyType

from eqsets.errors import OptionError, choices
from eqsets.training import StagePlan

__all__ = ["PRESETS", "Preset", "preset_of"]

_FEWEST_STEPS = 200  # of a stage, however few elements there are


@dataclass(frozen=True)
class Preset:
    """Both stages of a fit.

    Attributes:
        inference: the plan of stage 1.
        density: the plan of stage 2.
        symmetrised: whether both views of an image are transformed, or one.
        order: of the interpolation.
        blur: standard deviation in pixels of the blur at the beginning of stage 1; 0: none.
        blur_part: part of the steps over which it goes away.
        prototypes: prototypes of each image that stage 2 sees, from random members of its orbit.
        consistency: weight of the differences between their log densities.
        dropout: of the density network.
        epochs: how often each element is seen at most in a stage, for :meth:`sized`; 0: no limit.
    """

    inference: StagePlan = field(default_factory=lambda: StagePlan(600))
    density: StagePlan = field(default_factory=lambda: StagePlan(800, patience=4, samples=2))
    symmetrised: bool = True
    order: int = 1
    blur: float = 0.0
    blur_part: float = 0.01
    prototypes: int = 4
    consistency: float = 0.1
    dropout: float = 0.1
    epochs: int = field(default=0, repr=False)

    def sized(self, count: int) -> Preset:
        """Return this preset with fewer steps for few elements, which would be seen too often.

        Both stages overfit to a few hundred elements long before the last step. The learning rate
        falls over the steps that are left.

        Args:
            count: of the elements to learn from.

        Example:
            >>> quick = preset_of("quick")
            >>> [quick.sized(count).inference.steps for count in (50, 200, 1000)]
            [200, 235, 600]
        """
        if not self.epochs:
            return self
        steps = [
            min(plan.steps, max(_FEWEST_STEPS, ceil(self.epochs * count / plan.batch)))
            for plan in (self.inference, self.density)
        ]
        return self.with_steps(*steps)

    def with_steps(self, inference: int, density: int) -> Preset:
        """Return this preset with other numbers of steps."""
        return replace(
            self,
            inference=replace(self.inference, steps=inference),
            density=replace(self.density, steps=density),
        )


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "quick": Preset(epochs=150),
        "default": Preset(
            inference=StagePlan(4000, check_every=250),
            density=StagePlan(3000, check_every=150, patience=5, samples=2),
            prototypes=8,
            epochs=1000,
        ),
        "paper": Preset(
            inference=StagePlan(
                60_000,
                batch=512,
                learning_rate=3e-4,
                warmup=0.05,
                final=1e-3,
                clip=10.0,
                samples=5,
                check_every=600,
            ),
            density=StagePlan(
                60_000,
                batch=512,
                learning_rate=3e-3,
                warmup=0.2,
                final=0.03,
                samples=5,
                check_every=600,
                patience=20,
            ),
            order=3,
            prototypes=8,
            consistency=1.0,
            dropout=0.2,
        ),
    }
)
"""``quick``, ``default`` and ``paper`` (the published settings: days without a GPU)."""


def preset_of(given: str | Preset) -> Preset:
    """Return a preset by name, or pass it through.

    Raises:
        OptionError: there is none of this name.
    """
    if isinstance(given, Preset):
        return given
    if given not in PRESETS:
        raise OptionError(f"there is no preset {given!r}; {choices(given, PRESETS)}")
    return PRESETS[given]
