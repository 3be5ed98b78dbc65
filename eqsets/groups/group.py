"""What a group is: elements as tensors, and four operations on batches of them.

Requirements that shaped this module:

- elements are plain tensors ``(*batch, *element_shape)``, so that they batch,
  move and pickle for free;
- a group is an immutable value: equal by content, hashable, and its ``repr`` can be pasted back;
- a group is given by little: ``identity``, ``compose`` and ``inverse``, and either
  generators or ``sample``.

It deliberately knows nothing about actions: how an element moves data belongs to a feature type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod

import torch
from torch import Tensor

from eqsets.errors import GroupError, ShapeError

__all__ = ["Group"]


class Group(ABC):
    r"""A group whose elements are tensors ``(*batch, *element_shape)``.

    The operations obey, for all :math:`g, h, k` in the group,

    .. math:: (g h) k = g (h k), \qquad g e = e g = g, \qquad g g^{-1} = g^{-1} g = e.

    Attributes:
        element_shape: shape of one group element.
        dtype: dtype that elements have unless another is passed; integer groups are exact.
    """

    element_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64

    @property
    def order(self) -> int | None:
        """Number of elements, or ``None`` for an infinite group."""
        return None

    @abstractmethod
    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Return the neutral element, repeated to ``(*batch, *element_shape)``."""

    @abstractmethod
    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        """Return ``g h``: first ``h``, then ``g``. Batches broadcast."""

    @abstractmethod
    def inverse(self, g: Tensor) -> Tensor:
        """Return the element that undoes ``g``."""

    def generators(self) -> Tensor | None:
        """Return finitely many elements ``(k, *element_shape)`` that generate the group.

        ``None`` where there are none to give. A Lie group returns the generators of its
        components (reflections ...); the rest comes from :meth:`lie_algebra`.
        """
        return None

    def lie_algebra(self) -> Tensor | None:
        """Return a basis ``(k, *element_shape)`` of the tangent space at the identity, if any."""
        return None

    def lie_algebra_generators(self) -> Tensor | None:
        """Return tangents ``(k, *element_shape)`` whose brackets span :meth:`lie_algebra`.

        What commutes with these commutes with the whole Lie algebra; by default all of the basis.
        """
        return self.lie_algebra()

    def exp(self, tangent: Tensor) -> Tensor:
        """Return the group element that a tangent vector ``(*batch, *element_shape)`` leads to."""
        raise GroupError(
            f"{self!r} has no Lie algebra, so there is no exponential of a tensor of shape "
            f"{tuple(tangent.shape)}; only groups with lie_algebra() have one."
        )

    def sample(self, *batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return random elements ``(*batch, *element_shape)``; uniform for a finite group.

        Raises:
            GroupError: the group is infinite, or too large to list, and defines no sampler.
        """
        elements = self.elements()
        picked = torch.randint(len(elements), (prod(batch),), generator=generator)
        return elements[picked].reshape((*batch, *self.element_shape))

    def elements(self, limit: int = 10_000) -> Tensor:
        """Return all elements ``(order, *element_shape)``, the identity first.

        Raises:
            GroupError: the group is infinite or has more than ``limit`` elements.

        Example:
            >>> from eqsets.groups import CyclicGroup
            >>> CyclicGroup(4).elements()
            tensor([0, 1, 2, 3])
        """
        return enumerate_group(self, limit)

    def distance(self, g: Tensor, h: Tensor) -> Tensor:
        """Return the distance of ``g`` and ``h``, ``(*batch)`` in float64; 0 means equal."""
        axes = tuple(range(-len(self.element_shape), 0))
        gap = (g.double() - h.double()).abs()
        return gap.amax(axes) if axes else gap

    def check(self, g: Tensor) -> None:
        """Raise :class:`~eqsets.ShapeError` unless ``g`` is ``(*batch, *element_shape)``."""
        size = len(self.element_shape)
        if g.dim() < size or tuple(g.shape[g.dim() - size :]) != self.element_shape:
            raise ShapeError(
                f"{self!r} got group elements of shape {tuple(g.shape)}, expected "
                f"(*batch, {', '.join(map(str, self.element_shape))}). "
                "Take them from group.sample(...) or group.identity(...)."
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def enumerate_group(group: Group, limit: int) -> Tensor:
    """Return all elements of ``group`` by closing its generators under composition.

    Breadth first, one batched composition for each layer; floating point elements count as equal
    when they agree to six decimals, and stay those of the first word that reached them.
    """
    known_order = group.order
    if known_order is not None and known_order > limit:
        raise GroupError(
            f"{group!r} has {known_order} elements, more than the limit of {limit} to list. "
            "Draw random ones with group.sample(...) or raise limit."
        )
    generators = group.generators()
    if generators is None or group.lie_algebra() is not None:
        raise GroupError(
            f"{group!r} gives no finite generators, so its elements cannot be listed. "
            "Draw random ones with group.sample(...)."
        )
    result = [group.identity(1, device=generators.device)]
    seen = set(_keys(result[0]))
    frontier = result[0]
    while len(frontier) and len(generators):
        words = group.compose(generators[:, None], frontier[None])
        words = words.reshape(-1, *group.element_shape)
        fresh = []
        for position, key in enumerate(_keys(words)):
            if key not in seen:
                seen.add(key)
                fresh.append(position)
        if len(seen) > limit:
            raise GroupError(
                f"{group!r} has more than {limit} elements, too many to list. "
                "Draw random ones with group.sample(...) or raise limit."
            )
        frontier = words[fresh]
        result.append(frontier)
    return torch.cat(result)


def _keys(elements: Tensor) -> list[tuple[float, ...]]:
    flat = elements.reshape(len(elements), -1)
    if flat.is_floating_point():
        flat = (flat.double() * 1e6).round().to(torch.int64)
    return [tuple(row) for row in flat.tolist()]
