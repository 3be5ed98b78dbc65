"""One parameter of a family of transformations: on a line, on a circle, or one of a few values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from eqsets.errors import OptionError, choices

__all__ = ["ROLES", "Parameter"]

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "shift": "moves all content by as much, in half elements along an axis",
        "rotation": "turns content about a centre, in radians or in steps of a whole turn",
        "scale": "the logarithm of a factor of lengths",
        "shear": "the logarithm of opposite factors of lengths along two diagonals",
        "reflection": "mirrors content",
        "hue": "turns colours on their circle, positions stay",
        "value": "changes values, positions stay",
    }
)
"""What a parameter may do to elements: whoever reads a report or draws views may rely on it."""


@dataclass(frozen=True)
class Parameter:
    """One component of ``eta``.

    Arguments:
        name: an identifier, unique in its family: ``"rotation"``.
        unit: what 1 means: ``"radians"``.
        low: lower end of the default range of random augmentation.
        high: upper end of it.
        period: after which the transformation repeats; ``None`` for a line.
        levels: for a discrete parameter, how many values it has: ``0 ... levels - 1``, in a ring.
        role: what it does, one of :data:`ROLES`; ``None``: nothing is known.

    Raises:
        OptionError: the range is empty, the period is not positive, a discrete parameter has
            another range than its levels, or there is no such role.

    Example:
        >>> from math import pi
        >>> Parameter("rotation", "radians", -pi, pi, period=2 * pi).wrap(torch.tensor([0.0, 7.0]))
        tensor([0.0000, 0.7168])
        >>> Parameter.discrete("quarter_turns", "90 degrees", 4).wrap(torch.tensor([-1.0, 5.0]))
        tensor([3., 1.])
    """

    name: str
    unit: str
    low: float
    high: float
    period: float | None = None
    levels: int | None = None
    role: str | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise OptionError(
                f"a parameter is called {self.name!r}, expected an identifier such as 'shift_x'. "
                "Use letters, digits and underscores."
            )
        if not self.low < self.high or not (self.period is None or self.period > 0):
            raise OptionError(
                f"parameter {self.name!r} has range ({self.low}, {self.high}) and period "
                f"{self.period}, expected low < high and a positive period or None. Correct them."
            )
        expected = None if self.levels is None else (0.0, self.levels - 1.0, float(self.levels))
        if expected not in (None, (self.low, self.high, self.period)):
            raise OptionError(
                f"discrete parameter {self.name!r} has (low, high, period) "
                f"{(self.low, self.high, self.period)}, expected {expected}. "
                "Make it with Parameter.discrete(name, unit, levels)."
            )
        if self.role is not None and self.role not in ROLES:
            raise OptionError(
                f"parameter {self.name!r} has the role {self.role!r}; {choices(self.role, ROLES)}"
            )

    @classmethod
    def discrete(cls, name: str, unit: str, levels: int, role: str | None = None) -> Parameter:
        """Return a parameter that takes the values ``0 ... levels - 1``, in a ring."""
        return cls(name, unit, 0.0, levels - 1.0, float(levels), levels, role)

    def in_role(self, *roles: str) -> bool:
        """Return whether the parameter has one of these roles."""
        return self.role in roles

    def wrap(self, value: Tensor) -> Tensor:
        """Return the representative of ``value`` in the period around the middle of the range.

        A discrete value is rounded as well. Both ends of the period stay as they are.
        """
        if self.levels is not None:
            return value.round().remainder(self.levels)
        if self.period is None:
            return value
        middle = (self.low + self.high) / 2
        return value - self.period * ((value - middle) / self.period).detach().round()

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        low: float | None = None,
        high: float | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return values ``(*batch)``, uniform between ``low`` and ``high`` (default: the range)."""
        device = None if generator is None else generator.device
        unit = torch.rand(batch, generator=generator, dtype=torch.float64, device=device)
        first, last = self.low if low is None else low, self.high if high is None else high
        if self.levels is not None:
            first, last = float(round(first)), float(round(last))
            drawn = first + (unit * (last - first + 1)).floor()
        else:
            drawn = first + (last - first) * unit
        return drawn.to(dtype or torch.get_default_dtype())
