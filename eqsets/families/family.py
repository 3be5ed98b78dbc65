"""Families of transformations and their products: parameters, a group, an action on images.

Requirements that shaped this module:

- ``eta`` is for people and for networks (names, units, ranges, circles); the group element ``g`` is
  for mathematics: products and inverses are taken of ``g``, and pixels are touched once;
- images are ``(*batch, C, H, W)`` in ``[-1, 1]``; number type and device are theirs;
- a family is an immutable value: equal by content, hashable, and its ``repr`` can be pasted back.

It deliberately does not learn anything: that is ``eqsets.generative``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from functools import reduce
from operator import mul

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families.images import check_images
from eqsets.families.parameter import Parameter
from eqsets.groups import Group, ProductGroup

__all__ = ["ProductFamily", "TransformationFamily"]


class TransformationFamily(ABC):
    r"""Transformations of images :math:`T_\eta` with parameters ``eta: (*batch, k)``.

    The group acts from the left, :math:`T_{g h} = T_g \circ T_h`: first ``h``, then ``g``. So

    .. math:: T_{\eta_1}^{-1} T_{\eta_2} \, x = \mathrm{act}(g_1^{-1} g_2, x), \qquad
              g_i = \mathrm{element}(\eta_i),

    touches the pixels once.

    Attributes:
        tolerance: largest relative error (of ``x + 1``, order 3) that the action may make on
            band-limited images, for elements that do not map pixels onto pixels.
        channels: how many channels an image must have; ``None``: any number.
    """

    tolerance: float = 1e-10
    channels: int | None = None

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
        """Return group elements ``(*batch, *element_shape)``; ``element(0)`` is the identity."""

    @abstractmethod
    def parameters(self, g: Tensor) -> Tensor:
        """Return ``eta: (*batch, k)`` with ``element(eta) = g``, wrapped.

        NaN where there is none: where ``g`` is not in the image of :meth:`element`.
        """

    @abstractmethod
    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = -1.0) -> Tensor:
        """Return the transformed images.

        Args:
            g: ``(*batch, *element_shape)``; batches broadcast.
            x: ``(*batch, C, H, W)`` in ``[-1, 1]``.
            order: of the interpolation: 0 nearest, 1 linear, 3 cubic spline.
            fill: what lies outside of the frame.

        Raises:
            ShapeError: ``x`` is no floating point tensor of images, or has too few channels; or the
                batches of ``g`` and ``x`` do not broadcast.
            OptionError: there is no interpolation of this order.
        """

    def validity(self, g: Tensor, x_or_size: Tensor | tuple[int, int]) -> Tensor:
        """Return ``(*batch, 1, H, W)`` in ``[0, 1]``: how much of a pixel comes from the frame.

        Args:
            g: ``(*batch, *element_shape)``.
            x_or_size: images, on whose device it is, or their height and width.

        Raises:
            ShapeError: these are no images, or ``g`` holds no elements of the group.
        """
        height, width = self.size_of(x_or_size)
        batch = self.batch_of(g)
        like = x_or_size if isinstance(x_or_size, Tensor) else None
        dtype = torch.get_default_dtype() if like is None else like.dtype
        device = g.device if like is None else like.device
        return torch.ones((*batch, 1, height, width), dtype=dtype, device=device)

    def exact(
        self, size: tuple[int, int], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor | None:
        """Return random elements that map pixels onto pixels, ``(*batch, *element_shape)``.

        ``None`` where there are none but the identity.

        Args:
            size: height and width of the images.
            *batch: how many.
            generator: source of randomness.
        """
        return None

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

    def check_images(self, x: Tensor, order: int = 1) -> None:
        """Raise unless ``x`` is ``(*batch, C, H, W)``, floating point, with as many channels.

        Raises:
            ShapeError: it is not.
            OptionError: ``order`` is none of 0, 1, 3.
        """
        check_images(self, x, order, self.channels)

    def size_of(self, x_or_size: Tensor | tuple[int, int]) -> tuple[int, int]:
        """Return height and width of images, or pass them through."""
        if isinstance(x_or_size, Tensor):
            self.check_images(x_or_size)
            return (x_or_size.shape[-2], x_or_size.shape[-1])
        height, width = x_or_size
        return (height, width)

    def batch_of(self, g: Tensor) -> torch.Size:
        """Return the batch of group elements, checked."""
        self.group.check(g)
        return g.shape[: g.dim() - len(self.group.element_shape)]

    def batch_with(self, g: Tensor, x: Tensor) -> torch.Size:
        """Return the batch that group elements and images have together, checked."""
        own, theirs = self.batch_of(g), x.shape[:-3]
        ends = zip(reversed(own), reversed(theirs), strict=False)
        if any(a != b and 1 not in (a, b) for a, b in ends):
            raise ShapeError(
                f"{self!r} got {tuple(own)} group elements for {tuple(theirs)} images, expected "
                "batches that broadcast. Give one element for each image, or write g[:, None] to "
                "move every image by every element."
            )
        batch: torch.Size = torch.broadcast_shapes(own, theirs)
        return batch

    def __mul__(self, other: TransformationFamily) -> ProductFamily:
        """Return the family of both, ``eta`` side by side; the right one acts first."""
        if not isinstance(other, TransformationFamily):
            return NotImplemented
        return ProductFamily(self, other)


@dataclass(frozen=True, init=False)
class ProductFamily(TransformationFamily):
    r"""The product of families whose actions commute: ``affine * hsv``.

    .. math:: T_{(\eta_1, \eta_2)} = T_{\eta_1} \circ T_{\eta_2}

    The last factor acts first, so that colours are changed before pixels are interpolated. The
    actions must commute (colour and place do, up to what a spline overshoots); otherwise products
    of group elements would not act as they should.

    Raises:
        OptionError: fewer than two families, a name of a parameter twice, or factors that need
            images with different numbers of channels.
    """

    factors: tuple[TransformationFamily, ...]

    def __init__(self, *factors: TransformationFamily) -> None:
        flat: list[TransformationFamily] = []
        for factor in factors:
            flat.extend(factor.factors if isinstance(factor, ProductFamily) else (factor,))
        names = Counter(name for factor in flat for name in factor.names)
        twice = sorted(name for name, count in names.items() if count > 1)
        needs = {factor.channels for factor in flat} - {None}
        if len(flat) < 2 or twice or len(needs) > 1:
            raise OptionError(
                f"a product of {len(flat)} families has the parameters {', '.join(names)} ("
                f"{', '.join(twice) or 'none'} twice) and needs {sorted(map(str, needs))} "
                "channels, expected two families or more that have no parameter in common and "
                "take the same images. Multiply for example affine by hsv."
            )
        object.__setattr__(self, "factors", tuple(flat))

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return tuple(one for factor in self.factors for one in factor.parameters_of_eta)

    @property
    def group(self) -> ProductGroup:
        return ProductGroup(*(factor.group for factor in self.factors))

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        return sum(factor.tolerance for factor in self.factors)

    @property
    def channels(self) -> int | None:  # type: ignore[override]
        return next((f.channels for f in self.factors if f.channels is not None), None)

    def element(self, eta: Tensor) -> Tensor:
        self.check_eta(eta)
        sizes = [len(factor.parameters_of_eta) for factor in self.factors]
        pieces = zip(self.factors, eta.split(sizes, -1), strict=True)
        return self.group.pack(*(factor.element(piece) for factor, piece in pieces))

    def parameters(self, g: Tensor) -> Tensor:
        parts = zip(self.factors, self.group.unpack(g), strict=True)
        return torch.cat([factor.parameters(part) for factor, part in parts], -1)

    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = -1.0) -> Tensor:
        self.check_images(x, order)
        self.batch_with(g, x)
        parts = list(zip(self.factors, self.group.unpack(g), strict=True))
        for factor, part in reversed(parts):
            x = factor.act(part, x, order=order, fill=fill)
        return x

    def validity(self, g: Tensor, x_or_size: Tensor | tuple[int, int]) -> Tensor:
        parts = zip(self.factors, self.group.unpack(g), strict=True)
        return reduce(mul, [factor.validity(part, x_or_size) for factor, part in parts])

    def exact(
        self, size: tuple[int, int], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor | None:
        parts = [factor.exact(size, *batch, generator=generator) for factor in self.factors]
        if all(part is None for part in parts):
            return None
        still = [factor.group.identity(*batch) for factor in self.factors]
        pairs = zip(parts, still, strict=True)
        return self.group.pack(*(rest if part is None else part for part, rest in pairs))

    def __repr__(self) -> str:
        return f"ProductFamily({', '.join(map(repr, self.factors))})"
