"""What the elements are that a family transforms: their axes, sizes, background, networks.

Requirements that shaped this module:

- whatever is general (laws, fits, products of families) asks the domain and never counts axes
  itself: images are ``(C, H, W)``, signals ``(C, T)``, points ``(P, 3)``, vectors ``(n,)``;
- a domain is an immutable value: equal by content, hashable, and its ``repr`` can be pasted back;
- a new domain gives three methods; all others have defaults that hold for any tensor.

Ready made are the kinds of :mod:`eqsets.families.domains.kinds`. Group elements are no part of a
domain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import isfinite, prod
from operator import index
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError, ShapeError
from eqsets.families.domains.encoders import DenseEncoder
from eqsets.families.domains.recommend import Finding, Recommendation
from eqsets.families.domains.thumbnails import bars

__all__ = ["Domain"]

D = TypeVar("D", bound="Domain")


class Domain(ABC):
    """The elements that a family transforms: tensors ``(*batch, *element)``.

    Attributes:
        noun: what elements are called in messages, in the plural.
        layout: names of the axes of an element.
        spatial: how many of the last axes are a regular grid; 0 where there is none.
        background: the value of an element where there is nothing.
        default_size: of the elements that :meth:`sample` draws unless asked otherwise.
        separate_values: whether components that change values in place are compared without where
            the values are, as colours of images.
    """

    noun: str = "elements"
    layout: tuple[str, ...]
    spatial: int = 0
    background: float = 0.0
    default_size: tuple[int, ...]
    separate_values: bool = False

    @abstractmethod
    def check(self, x: Tensor, owner: object = "") -> None:
        """Raise unless ``x`` is a floating point tensor of elements.

        Args:
            x: ``(*batch, *element)``; only its shape and dtype are looked at.
            owner: what asks, named in the message.

        Raises:
            ShapeError: it is not.
        """

    @abstractmethod
    def size_of(self, x: Tensor) -> tuple[int, ...]:
        """Return the sizes of elements that do not depend on channels: ``(H, W)`` of images."""

    @abstractmethod
    def sample(
        self,
        *batch: int,
        size: tuple[int, ...] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return random elements ``(*batch, *element)`` in float64 that are safe to transform.

        On grids they are smooth, and near the middle, so that a small transformation loses nothing.
        """

    @property
    def axes(self) -> int:
        """How many axes one element has."""
        return len(self.layout)

    def mask_shape(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one number for each position of an element: ``(1, H, W)``.

        It has as many axes as an element, and broadcasts with it.
        """
        return size

    def batch(self, x: Tensor) -> torch.Size:
        """Return the batch of elements ``(*batch, *element)``."""
        return x.shape[: x.dim() - self.axes]

    def over_axes(self, values: Tensor) -> Tensor:
        """Return one value for each element, ``(*batch)``, as ``(*batch, 1, ..., 1)``."""
        return values.reshape(*values.shape, *[1] * self.axes)

    def as_batch(self, given: Any) -> Tensor:
        """Return elements ``(n, *element)`` in float32 from an array or tensor.

        Raises:
            ShapeError: it makes no tensor, or one of another shape or dtype, or not all is finite.
        """
        x = self.as_tensor(given)
        expected = f"(n, {', '.join(self.layout)})"
        if x.dim() != self.axes + 1 or 0 in x.shape:
            raise ShapeError(
                f"got {self.noun} of shape {tuple(x.shape)}, expected {expected}, no axis of it "
                "empty. Add an axis with x[None], or stack elements of one size."
            )
        x = x.to(torch.float32)
        self.check(x)
        if not bool(torch.isfinite(x).all()):
            bad = int((~torch.isfinite(x)).sum())
            raise ShapeError(
                f"got {self.noun} with {bad} values that are not finite, expected finite numbers. "
                "Remove these elements, or replace the values."
            )
        return x

    def reading(self, shape: tuple[int, ...]) -> str:
        """Return what an array of this shape is if it holds elements of this kind.

        Nothing (``""``) if it cannot be. The words are for the question which kind is meant.
        """
        sizes = " x ".join(map(str, shape[1:]))
        return f"{shape[0]} {self.noun} of {sizes}" if len(shape) == self.axes + 1 else ""

    def arrange(self, x: Tensor, axes: str | None = None) -> Tensor:
        """Return an array of this kind as ``(n, *element)``.

        Here it is passed through. Kinds add a missing axis of channels, and refuse axes in another
        order.

        Args:
            x: as a person has it.
            axes: the names of its axes, for kinds that take them.

        Raises:
            OptionError: this kind takes no ``axes``.
            ShapeError: the array cannot be of this kind.
        """
        if axes is not None:
            raise OptionError(
                f"got axes={axes!r} for {self.noun}, expected none: their axes are "
                f"(n, {', '.join(self.layout)}). Leave it out; axes are named for images only."
            )
        return x

    def as_tensor(self, given: Any) -> Tensor:
        """Return an array or tensor as a tensor.

        Raises:
            ShapeError: it makes none.
        """
        try:
            return torch.as_tensor(given)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ShapeError(
                f"{self.noun} are a {type(given).__name__} that does not make a tensor ({error}), "
                f"expected an array or tensor (n, {', '.join(self.layout)}). "
                f"Stack {self.noun} of one size first."
            ) from error

    def as_shape(self, given: Any) -> tuple[int, ...]:
        """Return the shape of one element, checked.

        Raises:
            ShapeError: it is not of positive integers, one for each axis.
        """
        try:
            shape = tuple(index(side) for side in given)
        except TypeError:
            shape = ()
        if len(shape) != self.axes or min(shape) < 1:
            raise ShapeError(
                f"got {given!r} as the shape of one of the {self.noun}, expected "
                f"({', '.join(self.layout)}) of positive integers. Write tuple(x.shape[1:])."
            )
        return shape

    def check_background(self, value: float) -> None:
        """Raise :class:`~eqsets.OptionError` unless ``value`` may count as nothing."""
        if not isfinite(value):
            raise OptionError(
                f"got background={value}, expected a finite number: the value of {self.noun} where "
                "there is nothing. Leave it out for that of the domain."
            )

    def content(self, x: Tensor) -> Tensor:
        """Return how much there is at each position, ``(*batch, *mask_shape)``, never negative."""
        return (x - self.background).abs()

    def asymmetry(self, x: Tensor) -> Tensor:
        """Return a number for each element, ``(*batch)``, that no symmetry of it preserves.

        Discrete frames choose the group element for which it is largest. Here: a sum of the content
        with fixed irregular weights.
        """
        content = self.content(x).flatten(x.dim() - self.axes)
        steps = torch.arange(content.shape[-1], dtype=torch.float64, device=x.device)
        return content @ (steps * 2.399963229728653).cos().to(x.dtype)

    def encoder(
        self, shape: Sequence[int], out: int, *, dense: bool = False, dropout: float = 0.0
    ) -> nn.Module:
        """Return a network from elements ``(B, *shape)`` to ``(B, out)``.

        Args:
            shape: of one element.
            out: how many numbers.
            dense: whether it has dense layers alone.
            dropout: rate behind its dense layers.
        """
        return DenseEncoder(shape, out, dropout=dropout)

    def standardise(self, x: Tensor) -> tuple[Tensor, str]:
        """Return a data set ``(n, *element)`` in units of its own, and these units in words.

        Networks and densities expect values of about 1. Here: divided by the root of the mean
        square.
        """
        size = float(x.double().square().mean().sqrt())
        return (x / size if size > 0 else x), f"1 = {size:.4g}, the root mean square"

    def blank(self, x: Tensor) -> Tensor:
        """Return which elements have nothing to transform, ``(*batch)``. Here: constant ones."""
        flat = x.flatten(x.dim() - self.axes)
        return flat.amax(-1) - flat.amin(-1) <= 1e-6 * flat.abs().amax(-1)

    def default_family(self, x: Tensor) -> tuple[Tensor, Any]:
        """Return elements ``(n, *element)`` and the family to search in them: a name, or itself.

        Raises:
            OptionError: there is none.
        """
        raise OptionError(
            f"there is no default family for {self.noun}, expected one. Pass family=, on the "
            "command line --family."
        )

    def comparison(self, references: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a map from elements to features ``(*batch, f)``.

        Squared distances of the features say how different two elements are. Here: the values
        themselves.

        Args:
            references: typical elements ``(n, *element)``, for scales.
        """
        return lambda x: (x - self.background).flatten(x.dim() - self.axes)

    def thumbnail(self, x: Tensor) -> Tensor:
        """Return an image ``(1 or 3, H, W)`` in ``[-1, 1]`` of one element. Here: bars."""
        return bars(x.flatten())

    def cautions(self, x: Tensor) -> list[str]:
        """Return what to know of a data set ``(n, *element)`` before believing claims on it."""
        return []

    def recommend(self, findings: Sequence[Finding], shape: tuple[int, ...]) -> Recommendation:
        """Return the element group that fits what was found. Here: none.

        Args:
            findings: one for each component.
            shape: of one element.
        """
        code = (
            "import eqsets\n\n"
            f'layer = eqsets.DSS("trivial", in_features={prod(shape)}, out_features=16)\n'
            "# layer(x.flatten(2)): sets of numbers (B, N, n)"
        )
        why = f"no element group is known for {self.noun}: the set alone is symmetric."
        return Recommendation("trivial", "pip install eqsets", code, (why,))

    def meet(self: D, other: Domain) -> D:
        """Return the domain of the elements that are in both.

        Raises:
            OptionError: there are none.
        """
        if self != other:
            raise OptionError(
                f"got families of {self!r} and of {other!r}, expected families of the same "
                "elements. Multiply families that transform the same kind of data."
            )
        return self
