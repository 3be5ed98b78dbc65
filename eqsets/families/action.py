"""How a parametrized group acts on the elements of a domain, and how much of them it preserves."""

from __future__ import annotations

from abc import abstractmethod
from inspect import signature

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families.domains.domain import Domain
from eqsets.families.parametrization import Parametrization

__all__ = ["ORDERS", "Action"]

ORDERS = (0, 1, 3)
"""The orders of interpolation that a family may be asked for."""

_EXACT = 1e-6  # tolerance of families that interpolate nothing


class Action(Parametrization):
    r"""Transformations of elements :math:`T_\eta` with parameters ``eta: (*batch, k)``.

    The group acts from the left, :math:`T_{g h} = T_g \circ T_h`: first ``h``, then ``g``. So

    .. math:: T_{\eta_1}^{-1} T_{\eta_2} \, x = \mathrm{act}(g_1^{-1} g_2, x), \qquad
              g_i = \mathrm{element}(\eta_i),

    interpolates once.

    Attributes:
        tolerance: largest relative error (of ``x - background``, order 3) that the action may make
            on smooth elements, for group elements that do not map the grid onto itself.
    """

    tolerance: float = 1e-10

    @property
    @abstractmethod
    def domain(self) -> Domain:
        """The elements that are transformed."""

    @abstractmethod
    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        """Return the transformed elements.

        A family that brings in what was outside of ``x`` may take a keyword ``fill``: the value of
        what is outside, by default the background of the domain.

        Args:
            g: ``(*batch, *element_shape)``; batches broadcast.
            x: elements of the domain, ``(*batch, *element)``.
            order: of the interpolation: 0 nearest, 1 linear, 3 cubic spline.

        Raises:
            ShapeError: ``x`` is not in the domain; or the batches of ``g`` and ``x`` do not
                broadcast.
            OptionError: there is no interpolation of this order.
        """

    def validity(self, g: Tensor, x_or_size: Tensor | tuple[int, ...]) -> Tensor:
        """Return ``(*batch, *mask_shape)`` in ``[0, 1]``: how much of a position comes from ``x``.

        Of images ``(*batch, 1, H, W)``. Here: all of it.

        Args:
            g: ``(*batch, *element_shape)``.
            x_or_size: elements, on whose device it is, or their size.

        Raises:
            ShapeError: these are no elements, or ``g`` holds no elements of the group.
        """
        like = x_or_size if isinstance(x_or_size, Tensor) else None
        dtype = torch.get_default_dtype() if like is None else like.dtype
        device = g.device if like is None else like.device
        shape = self.domain.mask_shape(self.size_of(x_or_size))
        return torch.ones((*self.batch_of(g), *shape), dtype=dtype, device=device)

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor | None:
        """Return random elements that interpolate nothing, ``(*batch, *element_shape)``.

        ``None`` where there are none but the identity.

        Args:
            size: of the elements: height and width of images.
            *batch: how many.
            generator: source of randomness.
        """
        return None

    @property
    def interpolates(self) -> bool:
        """Whether the action interpolates: decided by :attr:`tolerance`."""
        return self.tolerance > _EXACT

    @property
    def takes_fill(self) -> bool:
        """Whether :meth:`act` takes the keyword ``fill``."""
        return "fill" in signature(self.act).parameters

    def check(self, x: Tensor, order: int = 1) -> None:
        """Raise unless ``x`` is in the domain and there is an interpolation of this order.

        Raises:
            ShapeError: ``x`` is not in the domain.
            OptionError: ``order`` is none of 0, 1, 3.
        """
        self.domain.check(x, self)
        if order not in ORDERS:
            raise OptionError(
                f"got interpolation order {order!r}, expected 0 (nearest), 1 (linear) or 3 (cubic "
                "spline). Choose one of these."
            )

    def size_of(self, x_or_size: Tensor | tuple[int, ...]) -> tuple[int, ...]:
        """Return the size of elements (height and width of images), or pass it through."""
        if isinstance(x_or_size, Tensor):
            self.domain.check(x_or_size, self)
            return self.domain.size_of(x_or_size)
        return tuple(x_or_size)

    def batch_with(self, g: Tensor, x: Tensor) -> torch.Size:
        """Return the batch that group elements and elements of the domain share, checked."""
        own, theirs = self.batch_of(g), self.domain.batch(x)
        ends = zip(reversed(own), reversed(theirs), strict=False)
        if any(a != b and 1 not in (a, b) for a, b in ends):
            noun = self.domain.noun
            raise ShapeError(
                f"{self!r} got {tuple(own)} group elements for {tuple(theirs)} {noun}, expected "
                f"batches that broadcast. Give one group element for each of the {noun}, or write "
                "g[:, None] to move each of them by every group element."
            )
        batch: torch.Size = torch.broadcast_shapes(own, theirs)
        return batch

    def check_content(self, x: Tensor) -> None:
        """Raise :class:`~eqsets.OptionError` if no parameter does anything to these elements.

        Called with the elements ``(n, *element)`` of a whole data set, before a fit.
        """
