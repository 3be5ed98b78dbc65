"""Families that map pixels onto pixels: reflections, quarter turns, and both."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import ShapeError, TransformationFamily
from eqsets.families import Parameter
from eqsets.groups import CyclicGroup, Group, ProductGroup, dihedral_group

__all__ = ["C4", "D4", "Reflections"]

_TURNS = Parameter.discrete("quarter_turns", "90 degrees", 4, "rotation")
_MIRROR_X = Parameter.discrete("mirror_x", "reflections", 2, "reflection")
_MIRROR_Y = Parameter.discrete("mirror_y", "reflections", 2, "reflection")


class _Finite(TransformationFamily):
    """What they share: ``eta`` holds whole numbers, and images are flipped and transposed."""

    @abstractmethod
    def _moves(self, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return which images are transposed, then flipped left to right, then upside down."""

    def element(self, eta: Tensor) -> Tensor:
        whole = self.wrap(eta).to(self.group.dtype)
        return whole.reshape((*eta.shape[:-1], *self.group.element_shape))

    def parameters(self, g: Tensor) -> Tensor:
        eta = g.reshape(*self.batch_of(g), len(self.names))
        return eta if eta.is_floating_point() else eta.to(torch.get_default_dtype())

    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = -1.0) -> Tensor:
        """Return the moved images; ``order`` and ``fill`` do not matter: pixels are exchanged."""
        self.check(x, order)
        self.batch_with(g, x)
        moves = [move[..., None, None, None] for move in self._moves(g.to(x.device))]
        if len(self.names) == 1 or self.names[0] == "quarter_turns":
            if x.shape[-2] != x.shape[-1]:
                raise ShapeError(
                    f"{self!r} got images of {x.shape[-2]} x {x.shape[-1]} pixels, expected as "
                    "many rows as columns: a quarter turn exchanges them. Crop or pad the images."
                )
            x = torch.where(moves[0], x.mT, x)
        x = torch.where(moves[1], x.flip(-1), x)
        return torch.where(moves[2], x.flip(-2), x)

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return any elements: all are exact."""
        return self.group.sample(*batch, generator=generator)


@dataclass(frozen=True)
class Reflections(_Finite):
    """Left to right (``mirror_x``) and upside down (``mirror_y``): 4 elements.

    Example:
        >>> family = Reflections()
        >>> family.act(family.element(torch.tensor([1.0, 0.0])), torch.tensor([[[1.0, 2.0]]]))
        tensor([[[2., 1.]]])
    """

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (_MIRROR_X, _MIRROR_Y)

    @property
    def group(self) -> Group:
        return ProductGroup(CyclicGroup(2), CyclicGroup(2))

    def _moves(self, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        across, upside = g[..., 0] == 1, g[..., 1] == 1
        return torch.zeros_like(across), across, upside


@dataclass(frozen=True)
class C4(_Finite):
    """Quarter turns, counter-clockwise: 4 elements; for content up to the border.

    Example:
        >>> family = C4()
        >>> family.act(torch.tensor(1), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[2., 4.],
                 [1., 3.]]])
    """

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (_TURNS,)

    @property
    def group(self) -> Group:
        return CyclicGroup(4)

    def _moves(self, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return g % 2 == 1, (g == 2) | (g == 3), (g == 1) | (g == 2)


@dataclass(frozen=True)
class D4(_Finite):
    """A reflection left to right, or none, and then quarter turns counter-clockwise: 8 elements.

    Example:
        >>> family = D4()
        >>> family.act(torch.tensor([1, 1]), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[1., 3.],
                 [2., 4.]]])
    """

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (_TURNS, _MIRROR_X)

    @property
    def group(self) -> Group:
        return dihedral_group(4)

    def _moves(self, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        turns, mirrored = g[..., 0], g[..., 1] == 1
        transposed = turns % 2 == 1
        across, upside = (turns == 2) | (turns == 3), (turns == 1) | (turns == 2)
        # a mirrored image is mirrored back by a flip of columns, which are rows once transposed
        across, upside = across ^ (mirrored & ~transposed), upside ^ (mirrored & transposed)
        return transposed, across, upside
