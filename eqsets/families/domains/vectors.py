"""Vectors: numbers without a grid, as a matrix group moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError, ShapeError
from eqsets.families.domains.domain import Domain
from eqsets.families.domains.encoders import DenseEncoder

__all__ = ["Vectors"]

_NAMED = range(2, 7)  # dimensions whose rotations have a name


@dataclass(frozen=True)
class Vectors(Domain):
    """Vectors ``(*batch, d)``.

    Arguments:
        length: ``d``; ``None``: any.

    Example:
        >>> Vectors(length=4).sample(5).shape
        torch.Size([5, 4])
        >>> Vectors().reading((300, 4))
        '300 vectors of 4 numbers'
    """

    length: int | None = None
    noun = "vectors"
    layout = ("d",)

    @property
    def default_size(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.length or 3,)

    def check(self, x: Tensor, owner: object = "") -> None:
        who = f"{owner} got" if str(owner) else "got"
        if x.dim() < 1 or x.shape[-1] == 0 or self.length not in (None, x.shape[-1]):
            raise ShapeError(
                f"{who} vectors of shape {tuple(x.shape)}, expected (*batch, {self.length or 'd'})."
                " Stack the vectors along the first axis."
            )
        if not x.is_floating_point():
            raise ShapeError(
                f"{who} vectors of {x.dtype}, expected floating point numbers. Write x.float()."
            )

    def size_of(self, x: Tensor) -> tuple[int, ...]:
        return (x.shape[-1],)

    def reading(self, shape: tuple[int, ...]) -> str:
        if len(shape) != 2 or self.length not in (None, shape[1]):
            return ""
        return f"{shape[0]} vectors of {shape[1]} numbers"

    def sample(
        self,
        *batch: int,
        size: tuple[int, ...] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return normal vectors."""
        (length,) = self.default_size if size is None else size
        return torch.randn(*batch, length, generator=generator, dtype=torch.float64)

    def asymmetry(self, x: Tensor) -> Tensor:
        """Return a sum with fixed irregular weights, which signs change as well."""
        steps = torch.arange(x.shape[-1], dtype=torch.float64, device=x.device)
        return x @ (steps * 2.399963229728653).cos().to(x.dtype)

    def default_family(self, x: Tensor) -> tuple[Tensor, str]:
        """Return the rotations in each plane of two axes, of 2 to 6 dimensions.

        Raises:
            OptionError: there are too many planes.
        """
        if x.shape[-1] not in _NAMED:
            raise OptionError(
                f"got vectors of {x.shape[-1]} numbers, and by default rotations of 2 to 6 are "
                "searched; expected the group that may act. Pass "
                "family=eqsets.families.MatrixFamily(lie_algebra), with a matrix (d, d) for each "
                "one-parameter subgroup."
            )
        return x, f"vector-rotations-{x.shape[-1]}d"

    def blank(self, x: Tensor) -> Tensor:
        """Return which vectors are zero."""
        return x.abs().amax(-1) <= 1e-12

    def encoder(
        self, shape: Sequence[int], out: int, *, dense: bool = False, dropout: float = 0.0
    ) -> nn.Module:
        return DenseEncoder(shape, out, hidden=(128, 128), dropout=dropout)

    def meet(self, other: Domain) -> Vectors:
        if isinstance(other, Vectors) and None in (self.length, other.length):
            return replace(self, length=self.length or other.length)
        return super().meet(other)
