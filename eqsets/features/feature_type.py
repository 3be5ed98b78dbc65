"""What a feature type is: the layout of one element, and how a group element moves it.

Requirements that shaped this module:

- symmetry lives in types and modules, never in tensors: users keep plain torch tensors;
- a type is an immutable value: equal by content, hashable, with a ``repr`` that can be pasted back,
  so that layers can refuse each other at construction and name both types;
- an outsider's type needs two methods, ``transform`` and ``sample``; the rest has a default.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.groups import Group

__all__ = ["FeatureType", "TypeOwner", "noise", "require_same_type"]


class TypeOwner(Protocol):
    """What a type may say of the symmetry that it belongs to; an ElementSymmetry is one.

    A protocol, since symmetries are defined above types: nothing here imports them.
    """

    @property
    def group(self) -> Group:
        """The group that acts."""

    def feature_type(self, spec: Any) -> FeatureType:
        """Return the type that ``spec`` names."""


class FeatureType(ABC):
    r"""How features transform: the action :math:`x \mapsto g \cdot x` and the layout of :math:`x`.

    The action is a homomorphism, :math:`g \cdot (h \cdot x) = (g h) \cdot x` and
    :math:`e \cdot x = x`; all types that layers map between are linear in :math:`x`.

    Attributes:
        layout: shape of one element; a string stands for a free size, as in ``(3, "H", "W")``.
        channel_axis: axis of the element (negative) along which copies of one and the same
            representation lie, or ``None`` where there is no such axis.
        pointwise: whether the action only permutes components, so that ReLU or max may act
            component by component.
        group: the group that acts, or ``None`` where any group acts trivially.
        has_parts: whether an element is parts ``(P, *part)`` in any number, points or nodes, and
            the modules of its symmetry take parts of elements of unequal sizes: see
            :class:`~eqsets.PartBatch`.
    """

    group: Group | None = None
    channel_axis: int | None = None
    pointwise: bool = False
    has_parts: bool = False

    @property
    def owner(self) -> TypeOwner | None:
        """The symmetry whose ``feature_type(self.spec)`` is this type, or ``None``.

        :func:`eqsets.to_dict` needs it to describe a type without a module.
        """
        return None

    @property
    def dual(self) -> FeatureType:
        r"""The type of linear functionals on these features, :math:`g \mapsto \rho(g)^{-T}`.

        Raises:
            FeatureTypeError: the type has none.
        """
        raise FeatureTypeError(
            f"{self!r} has no dual type, expected one of matrices, permutations or invariants. "
            "Define the property dual on the type."
        )

    @property
    def spec(self) -> int | str | tuple[Any, ...]:
        """What ``feature_type`` of the symmetry takes for this type; its ``str()`` by default."""
        return str(self)

    @abstractmethod
    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        """Return ``g`` acting on ``x``.

        Arguments:
            g: ``(*batch, *element_shape)`` of the group; ``batch`` broadcasts against that of x.
            x: ``(*batch, *element)``.
        """

    @abstractmethod
    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return random features ``(*batch, *element)``, of unit size in each component."""

    def __add__(self, other: FeatureType) -> FeatureType:
        """Return the direct sum, by the names of both: ``feature_type("2 points + 3 trivial")``.

        Raises:
            FeatureTypeError: the types belong to no symmetry that could read the sum.
        """
        if not isinstance(other, FeatureType):
            return NotImplemented
        owner = self._owner_with(other, "+")
        return owner.feature_type(f"{self.spec} + {other.spec}")

    def __rmul__(self, channels: int) -> FeatureType:
        """Return so many copies: ``3 * V`` has three times the channels.

        Raises:
            FeatureTypeError: the number is none, or the type has no channels to multiply.
        """
        if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
            raise FeatureTypeError(
                f"{self!r} got {channels!r} copies, expected a whole number of at least 1."
            )
        return self.with_channels(channels * self.channels)

    def __mul__(self, other: FeatureType) -> FeatureType:
        """Return the tensor product, for symmetries that have one; channels multiply.

        Raises:
            FeatureTypeError: the symmetry has no tensor products of these types.
        """
        if not isinstance(other, FeatureType):
            return NotImplemented
        owner = self._owner_with(other, "*")
        product = getattr(owner, "tensor_product", None)
        if product is None:
            raise FeatureTypeError(
                f"{owner!r} has no tensor products of feature types, asked for with {self!r} and "
                f"{other!r}. Use types of representations.defining(group)."
            )
        result: FeatureType = product(self, other)
        return result

    def __pow__(self, degree: int) -> FeatureType:
        """Return the tensor product of so many copies of this type.

        Raises:
            FeatureTypeError: the degree is no whole number of at least 1.
        """
        if isinstance(degree, bool) or not isinstance(degree, int) or degree < 1:
            raise FeatureTypeError(
                f"{self!r} got the power {degree!r}, expected a whole number of at least 1."
            )
        result: FeatureType = self
        for _ in range(degree - 1):
            result = result * self
        return result

    def _owner_with(self, other: FeatureType, sign: str) -> TypeOwner:
        owner, second = self.owner, other.owner
        if owner is not None and second is not None and owner != second:
            raise FeatureTypeError(
                f"got {self!r} {sign} {other!r}, expected types of one symmetry, got those of "
                f"{owner!r} and {second!r}."
            )
        owner = owner or second
        if owner is None:
            raise FeatureTypeError(
                f"got {self!r} {sign} {other!r}, which belong to no symmetry, expected at least "
                "one that was made by symmetry.feature_type(...)."
            )
        return owner

    def interior(self, x: Tensor) -> Tensor:
        """Return the part of ``x: (*batch, *element)`` in which the action is claimed: all of it.

        A type on a grid that is padded at its border leaves the border out; what compares moved
        features compares their interiors.
        """
        return x

    def with_margin(self, x: Tensor) -> Tensor:
        """Return ``x: (*batch, *element)`` with its content moved away from a padded border.

        Then the action is exact in the :meth:`interior` of what follows. ``x`` itself, unless the
        type has a border and takes larger grids.
        """
        return x

    def with_sizes(self, *sizes: int) -> FeatureType:
        """Return the same type with other sizes in samples, for the axes that ``layout`` names.

        Raises:
            FeatureTypeError: the type does not take these sizes.
        """
        free = [axis for axis in self.layout if isinstance(axis, str)]
        if len(sizes) == len(free) == 0:
            return self
        raise FeatureTypeError(
            f"{self!r} got the sizes {sizes} for samples, expected none: its layout {self.layout} "
            + (f"leaves {free} to its own samples." if free else "has no free axis.")
        )

    @property
    def layout(self) -> tuple[int | str, ...]:
        return tuple(self.sample().shape)

    @property
    def channels(self) -> int:
        """Number of copies of the representation along ``channel_axis`` (1 without one)."""
        if self.channel_axis is None:
            return 1
        size = self.layout[self.channel_axis]
        if not isinstance(size, int):
            raise FeatureTypeError(f"{self!r} has no fixed number of channels, expected one.")
        return size

    def with_channels(self, channels: int) -> FeatureType:
        """Return the same type with another number of channels.

        Raises:
            FeatureTypeError: the type has no channels to count.
        """
        raise FeatureTypeError(
            f"{self!r} cannot be given {channels} channels: it has no channel axis. "
            "Define with_channels on the type, or use a type that has one."
        )

    def concatenate(self, parts: Sequence[Tensor]) -> Tensor:
        """Return features of this type from the features of types that share its channels."""
        if self.channel_axis is None:
            raise FeatureTypeError(
                f"{self!r} cannot be concatenated from parts: it has no channel axis. "
                "Choose another aggregation, such as 'sum'."
            )
        return torch.cat(list(parts), self.channel_axis)

    def check(self, x: Tensor, lead: tuple[str, ...], owner: str, hint: str = "") -> None:
        """Raise :class:`~eqsets.ShapeError` unless ``x`` is ``(*lead, *layout)``.

        Reads metadata only, so that no device has to wait.
        """
        if not isinstance(x, Tensor):
            raise ShapeError(
                f"{owner} expected a tensor of shape {self.describe(lead)}, got "
                f"{type(x).__name__}. Convert it with torch.as_tensor(...)."
            )
        layout = self.layout
        problem = ""
        if x.dim() != len(lead) + len(layout):
            problem = f"{x.dim()} axes instead of {len(lead) + len(layout)}"
        else:
            for axis, expected in enumerate(layout, start=len(lead)):
                if isinstance(expected, int) and x.shape[axis] != expected:
                    problem = f"{x.shape[axis]} instead of {expected} on axis {axis}"
                    break
        if problem:
            raise ShapeError(
                f"{owner} expected x of shape {self.describe(lead)}, got {tuple(x.shape)}: "
                f"{problem}. {hint or f'Reshape x, or declare another type than {self!r}.'}"
            )

    def __str__(self) -> str:
        """Return the type in a few words, for messages that show its symmetry as well."""
        return repr(self)

    def describe(self, lead: tuple[str, ...] = ()) -> str:
        """Return the shape in words, as in ``(B, N, 3, H, W)``."""
        axes = [*lead, *map(str, self.layout)]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def noise(
    feature_type: FeatureType,
    batch: tuple[int, ...],
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return standard normal features ``(*batch, *layout)``; the layout must have no free size."""
    sizes = [size for size in feature_type.layout if isinstance(size, int)]
    device = generator.device if generator is not None else None
    return torch.randn(*batch, *sizes, generator=generator, dtype=dtype, device=device)


def require_same_type(given: FeatureType, expected: FeatureType, where: str) -> None:
    """Raise :class:`~eqsets.FeatureTypeError` naming both types unless they are equal."""
    if given != expected:
        raise FeatureTypeError(
            f"{where} got {given!r}, expected {expected!r}. "
            "Change the out_features of the first or the in_features of the second."
        )
