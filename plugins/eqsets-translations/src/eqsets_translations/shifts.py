"""The group of whole-pixel shifts of a grid, or those by multiples of a stride."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import Group

__all__ = ["Shifts"]


@dataclass(frozen=True)
class Shifts(Group):
    r"""The shifts by multiples of ``stride`` pixels: :math:`s_1 \mathbb{Z} \times \dots`, infinite.

    Elements are whole-number vectors ``(dims,)`` that add up.

    Arguments:
        stride: smallest shift along each axis, in pixels of the finest grid.

    Example:
        >>> Shifts((1, 1)).compose(torch.tensor([1, 2]), torch.tensor([0, -5]))
        tensor([ 1, -3])
    """

    stride: tuple[int, ...]
    dtype = torch.int64

    @property
    def element_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (len(self.stride),)

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        return torch.zeros(*batch, len(self.stride), dtype=dtype or self.dtype, device=device)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g + h

    def inverse(self, g: Tensor) -> Tensor:
        return -g

    def generators(self) -> Tensor:
        return torch.tensor(self.stride).diag()

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return small random shifts, up to three strides each way along each axis."""
        steps = torch.randint(-3, 4, (*batch, len(self.stride)), generator=generator)
        return steps * torch.tensor(self.stride)
