"""A group with parameters: what ``eta`` means, and which group element belongs to it.

``eta`` is for people and for networks (names, units, ranges, circles); the group element ``g`` is
for mathematics: products and inverses are taken of ``g``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.families.parameter import Parameter
from eqsets.groups import Group

__all__ = ["Parametrization"]


class Parametrization(ABC):
    """Parameters ``eta: (*batch, k)`` of the elements of a group."""

    @property
    @abstractmethod
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        """The components of ``eta``, in order."""

    @property
    @abstractmethod
    def group(self) -> Group:
        """The group that the transformations generate."""

    @abstractmethod
    def element(self, eta: Tensor) -> Tensor:
        """Return group elements ``(*batch, *element_shape)``; ``element(0)`` is the identity.

        In float32 at least, also under autocast: see
        :func:`~eqsets.families.without_autocast`.
        """

    @abstractmethod
    def parameters(self, g: Tensor) -> Tensor:
        """Return ``eta: (*batch, k)`` with ``element(eta) = g``, wrapped.

        NaN where there is none: where ``g`` is not in the image of :meth:`element`.
        """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components of ``eta``."""
        return tuple(one.name for one in self.parameters_of_eta)

    @property
    def units(self) -> tuple[str, ...]:
        """What 1 means, for each component."""
        return tuple(one.unit for one in self.parameters_of_eta)

    @property
    def periodic(self) -> tuple[float | None, ...]:
        """The period of each component, ``None`` for those on a line."""
        return tuple(one.period for one in self.parameters_of_eta)

    @property
    def bounds(self) -> Tensor:
        """The default range of random augmentation, ``(k, 2)`` in float64."""
        ranges = [(one.low, one.high) for one in self.parameters_of_eta]
        return torch.tensor(ranges, dtype=torch.float64)

    @property
    def discrete(self) -> bool:
        """Whether all parameters are discrete: there are finitely many transformations."""
        return all(one.levels is not None for one in self.parameters_of_eta)

    def wrap(self, eta: Tensor) -> Tensor:
        """Return ``eta`` with each periodic component moved into its period."""
        self.check_eta(eta)
        columns = zip(self.parameters_of_eta, eta.unbind(-1), strict=True)
        return torch.stack([one.wrap(column) for one, column in columns], -1)

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        bounds: Tensor | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return ``eta: (*batch, k)``, uniform within ``bounds`` ``(k, 2)`` (default: ours).

        Raises:
            ShapeError: the bounds are not ``(k, 2)``.
        """
        chosen = self.bounds if bounds is None else torch.as_tensor(bounds, dtype=torch.float64)
        count = len(self.parameters_of_eta)
        if tuple(chosen.shape) != (count, 2):
            raise ShapeError(
                f"{self!r} got bounds of shape {tuple(chosen.shape)}, expected ({count}, 2): low "
                f"and high of {', '.join(self.names)}. Give one row for each."
            )
        columns = [
            one.sample(*batch, generator=generator, low=low, high=high, dtype=dtype)
            for one, (low, high) in zip(self.parameters_of_eta, chosen.tolist(), strict=True)
        ]
        return torch.stack(columns, -1)

    def check_eta(self, eta: Tensor) -> None:
        """Raise :class:`~eqsets.ShapeError` unless ``eta`` is ``(*batch, k)``, floating point."""
        count = len(self.parameters_of_eta)
        if eta.dim() < 1 or eta.shape[-1] != count or not eta.is_floating_point():
            raise ShapeError(
                f"{self!r} got eta of shape {tuple(eta.shape)} and {eta.dtype}, expected "
                f"(*batch, {count}) of a floating point type: {', '.join(self.names)}. "
                "Take it from family.sample(...)."
            )

    def batch_of(self, g: Tensor) -> torch.Size:
        """Return the batch of group elements, checked."""
        self.group.check(g)
        return g.shape[: g.dim() - len(self.group.element_shape)]
