"""The groups of colour transformations: a circle, and up to two lines."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import Group, GroupError

__all__ = ["ColorGroup"]


@dataclass(frozen=True)
class ColorGroup(Group):
    r"""Hue in turns, modulo 1, and logarithms of factors, which add up.

    Arguments:
        size: numbers in an element: 1 (hue), 2 (and saturation) or 3 (and value).

    Raises:
        GroupError: ``size`` is none of these.

    Example:
        >>> group = ColorGroup(2)
        >>> group.compose(torch.tensor([0.75, 0.5]), torch.tensor([0.5, 0.25]))
        tensor([0.2500, 0.7500])
    """

    size: int
    dtype = torch.float64

    def __post_init__(self) -> None:
        if self.size not in (1, 2, 3):
            raise GroupError(
                f"ColorGroup got size={self.size!r}, expected 1 (hue), 2 (and saturation) or 3 "
                "(and value). Write ColorGroup(3) for all of them."
            )

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.size,)

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        return torch.zeros(*batch, self.size, dtype=dtype or self.dtype, device=device)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return self.exp(g + h)

    def inverse(self, g: Tensor) -> Tensor:
        return self.exp(-g)

    def generators(self) -> Tensor:
        return torch.zeros(0, self.size, dtype=self.dtype)

    def lie_algebra(self) -> Tensor:
        return torch.eye(self.size, dtype=self.dtype)

    def exp(self, tangent: Tensor) -> Tensor:
        return torch.cat([_fraction(tangent[..., :1]), tangent[..., 1:]], -1)

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return any hue, and logarithms with a standard deviation of one half."""
        hue = torch.rand(*batch, 1, generator=generator, dtype=self.dtype)
        rest = torch.randn(*batch, self.size - 1, generator=generator, dtype=self.dtype)
        return torch.cat([hue, rest / 2], -1)

    def distance(self, g: Tensor, h: Tensor) -> Tensor:
        gap = g.double() - h.double()
        hue = gap[..., :1]
        return torch.cat([hue - hue.round(), gap[..., 1:]], -1).abs().amax(-1)


def _fraction(turns: Tensor) -> Tensor:
    return turns - turns.detach().floor()
