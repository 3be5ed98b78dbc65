"""Batches of sets whose elements are clouds or graphs of unequal sizes, without padding.

Requirements that shaped this module:

- rows are the parts (points, nodes), so that a batch costs what its parts cost;
- three things describe it: the values of the parts, which element each is of, and which set each
  element is in; all else follows, and is computed once for all layers of a network;
- what the parts are is a matter of the plugin: nothing here knows points or edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.fx import _pytree as fx_pytree
from torch.utils import _pytree as pytree

from eqsets.errors import ShapeError
from eqsets.sets.batch import SetBatch
from eqsets.sets.inner import Inner, check_inner
from eqsets.sets.selection import index_of, rows_of, selected

__all__ = ["PartBatch"]


@dataclass(frozen=True, eq=False, repr=False)
class PartBatch(SetBatch):
    """A batch of sets of different sizes, whose elements have different numbers of parts.

    Layers of feature types on points or nodes take it instead of a tensor ``(B, N, P, *part)``.
    Where all elements of each set have equally many parts, parts of one position correspond, as in
    conformers of one molecule; else elements share invariants only (``alignment="independent"``).

    Indexing, iteration and arithmetic are those of :class:`~eqsets.SetBatch`; one set is a list of
    elements ``(P_i, *part)``.

    Arguments:
        values: ``(T, *part)``, all parts of all elements, element after element.
        index: ``(E,)`` int64, the set that each element belongs to, in ``0 ... num_sets - 1``.
        num_sets: number of sets ``B``.
        element: ``(T,)`` int64, the element that each part belongs to, ascending.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit, an element or a set is empty, or an index
            is out of range.

    Example:
        >>> sizes = [[4, 4], [5, 6, 7]]
        >>> batch = PartBatch.from_list([[torch.ones(n, 3) for n in one] for one in sizes])
        >>> batch
        PartBatch(2 sets of 2 to 3 elements of 4 to 7 parts of shape (3,), torch.float32)
        >>> x, mask = batch.to_padded()
        >>> x.shape, mask.sum(-1).tolist()
        (torch.Size([2, 3, 7, 3]), [[4, 4, 0], [5, 6, 7]])
        >>> [len(one) for one in batch[1]]
        [5, 6, 7]
    """

    element: Tensor

    def __post_init__(self) -> None:
        check_inner(self.values, self.index, self.num_sets, self.element)
        object.__setattr__(self, "_inner", Inner.of(self.element, self.index, self.num_sets))

    @property
    def inner(self) -> Inner:
        """Which parts belong to which element and set, and which correspond."""
        inner: Inner = self.__dict__["_inner"]
        return inner

    @classmethod
    def _of(cls, values: Tensor, inner: Inner) -> Self:
        """Build a batch whose index is known to be valid, without the checks."""
        batch = object.__new__(cls)
        fields = {"index": inner.index, "num_sets": inner.num_sets, "element": inner.element}
        for name, value in {"values": values, **fields, "_inner": inner}.items():
            object.__setattr__(batch, name, value)
        return batch

    @classmethod
    def from_list(cls, sets: Sequence[Sequence[Tensor]]) -> Self:  # type: ignore[override]
        """Return the batch of ``sets``, each a list of elements ``(P_i, *part)``.

        Raises:
            ShapeError: there is no set, one is empty, or parts, dtypes or devices differ.
        """
        lists = all(isinstance(one, list | tuple) and len(one) for one in sets)
        if not len(sets) or not lists:
            raise ShapeError(
                f"PartBatch.from_list got {[type(one).__name__ for one in sets][:10]}, expected at "
                "least one set, each a list of at least one element (P_i, *part). Write "
                "[[cloud, cloud], [cloud]]."
            )
        elements = [element for one in sets for element in one]
        tensors = all(isinstance(x, Tensor) and x.dim() and len(x) for x in elements)
        kinds = {(x.shape[1:], x.dtype, x.device) for x in elements} if tensors else set()
        if len(kinds) != 1:
            got = sorted({str(tuple(getattr(x, "shape", [type(x).__name__]))) for x in elements})
            raise ShapeError(
                f"PartBatch.from_list got elements {', '.join(got[:10])}, expected tensors "
                "(P_i, *part) with P_i >= 1, of one part shape, dtype and device."
            )
        device = elements[0].device
        element = index_of([len(x) for x in elements], device)
        index = index_of([len(one) for one in sets], device)
        return cls._of(torch.cat(elements), Inner.of(element, index, len(sets)))

    @classmethod
    def from_padded(cls, x: Tensor, mask: Tensor) -> Self:
        """Return the present parts of ``x: (B, N, P, *part)``, ``mask (B, N, P)`` bool.

        Elements and parts that are absent everywhere are left out.

        Raises:
            ShapeError: ``x`` and ``mask`` do not fit, or a set has no part.
        """
        check_part_mask(x, mask, "PartBatch.from_padded")
        return cls._of(x[mask], inner_of_mask(mask))

    @classmethod
    def cat(cls, batches: Sequence[SetBatch]) -> Self:
        if not len(batches) or not all(isinstance(batch, PartBatch) for batch in batches):
            raise ShapeError(
                f"PartBatch.cat got objects of types {sorted({type(b).__name__ for b in batches})},"
                " expected at least one PartBatch. Use PartBatch.from_list for tensors."
            )
        parts = [batch for batch in batches if isinstance(batch, PartBatch)]
        layouts = {(batch.values.shape[1:], batch.dtype, batch.device) for batch in parts}
        if len(layouts) > 1:
            described = sorted(f"{tuple(s)} of {dtype} on {device}" for s, dtype, device in layouts)
            raise ShapeError(
                f"PartBatch.cat got parts {' and '.join(described)}, expected one shape, dtype and "
                "device."
            )
        element, index, elements, sets = [], [], 0, 0
        for batch in parts:
            element.append(batch.element + elements)
            index.append(batch.index + sets)
            elements, sets = elements + len(batch.index), sets + batch.num_sets
        inner = Inner.of(torch.cat(element), torch.cat(index), sets)
        return cls._of(torch.cat([batch.values for batch in parts]), inner)

    def to_list(self) -> list[Any]:
        """Return the sets as lists of elements ``(P_i, *part)``."""
        elements = self.values.split(self.inner.sizes.tolist())
        sets: list[list[Tensor]] = [[] for _ in range(self.num_sets)]
        for element, owner in zip(elements, self.index.tolist(), strict=True):
            sets[owner].append(element)
        return sets

    def to_padded(self, size: int | None = None) -> tuple[Tensor, Tensor]:
        """Return ``x (B, N, P, *part)``, zero at padding, and ``mask (B, N, P)``, True = present.

        Arguments:
            size: ``N``; the size of the largest set unless given.

        Raises:
            ShapeError: a set has more elements than ``size``.
        """
        parts = SetBatch._trusted(self.values, self.element, len(self.index))
        x, mask = parts.to_padded()  # (E, P, *part)
        both = SetBatch._trusted(x, self.index, self.num_sets).to_padded(size)
        present = SetBatch._trusted(mask, self.index, self.num_sets).to_padded(size)
        return both[0], present[0].bool()

    def replace(self, values: Tensor) -> Self:
        """Return the same parts with other features ``(T, *other)``; nothing is checked again."""
        return self._of(values, self.inner)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        values = self.values.to(*args, **kwargs)
        return self._of(values, self.inner.to(values.device))

    def cuda(self, device: int | str | torch.device | None = None) -> Self:
        values = self.values.cuda(device)
        return self._of(values, self.inner.to(values.device))

    def pin_memory(self) -> Self:
        return self.replace(self.values.pin_memory())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_list())

    def __getitem__(self, key: int | slice | Sequence[int] | Tensor) -> Any:
        chosen = selected(key, self.num_sets, self.device)
        one = isinstance(chosen, int)
        sets = torch.tensor([chosen], device=self.device) if isinstance(chosen, int) else chosen
        elements, owner = rows_of(sets, self.index, self.sizes())
        rows, element = rows_of(elements, self.element, self.inner.sizes)
        part = self._of(self.values[rows], Inner.of(element, owner, len(sets)))
        return part.to_list()[0] if one else part

    def _same_sets(self, other: SetBatch) -> bool:
        if not isinstance(other, PartBatch):
            return False
        return self.inner.same_as(other.inner)

    def __repr__(self) -> str:
        each, parts = self.sizes(), self.inner.sizes
        return (
            f"PartBatch({self.num_sets} sets of {int(each.min())} to {int(each.max())} elements of "
            f"{int(parts.min())} to {int(parts.max())} parts of shape "
            f"{tuple(self.values.shape[1:])}, {self.dtype})"
        )


def check_part_mask(x: Tensor, mask: Tensor, owner: str) -> None:
    """Check ``x: (B, N, P, *part)`` and ``mask: (B, N, P)``.

    Raises:
        ShapeError: they do not fit, or a set has no part.
    """
    fits = isinstance(mask, Tensor) and mask.dtype == torch.bool and mask.dim() == 3
    if not fits or not isinstance(x, Tensor) or x.shape[:3] != mask.shape:
        got = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else repr(mask)
        raise ShapeError(
            f"{owner} got x {tuple(getattr(x, 'shape', ()))} and the mask {got}, expected x "
            "(B, N, P, *part) and a mask (B, N, P) of torch.bool, True = present."
        )
    if x.device != mask.device:
        raise ShapeError(
            f"{owner} got a mask on {mask.device} and x on {x.device}, expected one device. "
            "Move it with mask.to(x.device)."
        )
    empty = (~mask.flatten(1).any(1)).nonzero()[:, 0].tolist()
    if empty or not mask.numel():
        raise ShapeError(
            f"{owner} got a mask that is all False for the sets {empty[:10]}, expected at least "
            "one part in each set. Leave empty sets out of the batch."
        )


def inner_of_mask(mask: Tensor) -> Inner:
    """Return the index of the present parts of ``mask: (B, N, P)``, in the order of ``x[mask]``."""
    there = mask.any(-1)
    number = there.reshape(-1).cumsum(0).reshape(there.shape) - 1
    owner, slot, position = mask.nonzero().unbind(1)
    return Inner.of(number[owner, slot], there.nonzero()[:, 0], len(mask), position)


def _flatten(batch: PartBatch) -> tuple[list[Tensor], tuple[int, int, bool]]:
    inner = batch.inner
    tensors = [batch.values, inner.element, inner.index, inner.sizes, inner.group]
    return [*tensors, inner.set_of_group], (inner.num_sets, inner.num_groups, inner.corresponding)


def _unflatten(children: Any, context: Any) -> PartBatch:
    values, element, index, sizes, group, owner = children
    sets, groups, same = context
    return PartBatch._of(values, Inner(element, index, sets, sizes, group, groups, owner, same))


pytree.register_pytree_node(
    PartBatch, _flatten, _unflatten, serialized_type_name="eqsets.PartBatch"
)
fx_pytree.register_pytree_flatten_spec(PartBatch, lambda batch, _: _flatten(batch)[0])
torch.serialization.add_safe_globals([PartBatch, Inner])  # torch.load(weights_only=True) takes it
