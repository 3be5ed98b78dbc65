"""Ragged batches of sets: rows of elements, and an index that gives the set of each row.

Requirements that shaped this module:

- a ragged batch costs what its elements cost: no padding, no Python loop over sets in a layer;
- the index says which rows are aggregated together, in any order: also the
  nodes of a bag of graphs;
- it is a pytree and moves with ``.to()``, so that data loaders, compile and export take it;
- features of the same sets can be added and mapped, as residual connections do.

It deliberately does not imitate a tensor: what a function does with rows is said by ``map``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.fx import _pytree as fx_pytree
from torch.utils import _pytree as pytree

from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.sets.checks import check_members, check_rows
from eqsets.sets.selection import index_of, positions, rows_of, selected, set_sizes
from eqsets.tensors.tracing import values_known

__all__ = ["SetBatch"]


@dataclass(frozen=True, eq=False, repr=False)
class SetBatch:
    """A batch of sets of different sizes, without padding.

    ``batch[i]`` is one set, a tensor ``(n_i, *element)``; a slice, a list or a tensor of integers
    or of bools selects sets and gives a ``SetBatch``. Iterating gives the sets as tensors.
    ``+``, ``-``, ``*`` and ``/`` combine batches of the same sets row by row, or a batch with a
    number; any other function of the rows is applied by :meth:`map`.

    Arguments:
        values: ``(R, *element)``, all elements of all sets.
        index: ``(R,)`` int64, the set that each row belongs to, in ``0 ... num_sets - 1``.
        num_sets: number of sets ``B``.

    Raises:
        ShapeError: shapes, dtypes or devices do not fit, a set is empty, or an index is out of
            range. Values of the index are not checked while a program is compiled, exported or
            vectorised.

    Example:
        >>> batch = SetBatch.from_list([torch.ones(2, 3), torch.zeros(1, 3)])
        >>> batch
        SetBatch(2 sets of 1 to 2 elements of shape (3,), torch.float32)
        >>> x, mask = batch.to_padded()
        >>> x.shape, mask.tolist()
        (torch.Size([2, 2, 3]), [[True, True], [True, False]])
        >>> batch[0].shape, len(batch[1:]), (batch + 2 * batch).map(torch.sum, 1)[0]
        (torch.Size([2, 3]), 1, tensor([9., 9.]))
    """

    values: Tensor
    index: Tensor
    num_sets: int

    def __post_init__(self) -> None:
        check_rows(self.values, self.index, self.num_sets)

    @classmethod
    def from_list(cls, sets: Sequence[Tensor]) -> Self:
        """Return the batch of ``sets``, tensors ``(n_i, *element)`` with ``n_i >= 1``.

        Raises:
            ShapeError: there is no set, one is empty, or layouts, dtypes or devices differ.
        """
        check_members(sets)
        sizes = [members.shape[0] for members in sets]
        return cls._trusted(torch.cat(list(sets)), index_of(sizes, sets[0].device), len(sets))

    @classmethod
    def cat(cls, batches: Sequence[SetBatch]) -> Self:
        """Return the sets of all ``batches``, in order, as one batch.

        Raises:
            ShapeError: there is no batch, or layouts, dtypes or devices differ.
        """
        if not len(batches) or not all(isinstance(batch, SetBatch) for batch in batches):
            raise ShapeError(
                f"SetBatch.cat got {len(batches)} objects of types "
                f"{sorted({type(batch).__name__ for batch in batches})}, expected at least one "
                "SetBatch. Use SetBatch.from_list for tensors."
            )
        layouts = {(batch.values.shape[1:], batch.dtype, batch.device) for batch in batches}
        if len(layouts) > 1:
            described = sorted(f"{tuple(s)} of {dtype} on {device}" for s, dtype, device in layouts)
            raise ShapeError(
                f"SetBatch.cat got elements {' and '.join(described)}, expected one layout, dtype "
                "and device."
            )
        index, start = [], 0
        for batch in batches:
            index.append(batch.index + start)
            start = start + batch.num_sets
        return cls._trusted(torch.cat([batch.values for batch in batches]), torch.cat(index), start)

    @classmethod
    def _trusted(cls, values: Tensor, index: Tensor, num_sets: int) -> Self:
        """Build a batch whose index is known to be valid, without the checks."""
        batch = object.__new__(cls)
        for name, value in (("values", values), ("index", index), ("num_sets", num_sets)):
            object.__setattr__(batch, name, value)
        return batch

    def sizes(self) -> Tensor:
        """Return the size of each set, ``(B,)`` int64."""
        return set_sizes(self.index, self.num_sets)

    def to_list(self) -> list[Tensor]:
        """Return the sets as tensors ``(n_i, *element)``, each in the order of its rows."""
        order = self.index.argsort(stable=True)
        return list(self.values[order].split(self.sizes().tolist()))

    def to_padded(self, size: int | None = None) -> tuple[Tensor, Tensor]:
        """Return ``x (B, N, *element)``, zero at padding, and ``mask (B, N)``, True = present.

        Arguments:
            size: ``N``; the size of the largest set unless given. A given size can be compiled and
                exported.

        Raises:
            ShapeError: a set has more elements than ``size``.
        """
        sizes = self.sizes()
        if size is None or values_known(sizes):
            largest = int(sizes.max())
            size = largest if size is None else size
            if largest > size:
                raise ShapeError(
                    f"to_padded got size={size} for a set of {largest} elements, expected at "
                    f"least {largest}. Leave size out to have the largest set decide."
                )
        order, owner, position = positions(self.index, sizes)
        x = self.values.new_zeros(self.num_sets, size, *self.values.shape[1:])
        x = x.index_put((owner, position), self.values[order])
        mask = torch.arange(size, device=order.device) < sizes[:, None]
        return x, mask

    def replace(self, values: Tensor) -> Self:
        """Return the same sets with other features ``(R, *other)``; nothing is checked again."""
        return self._trusted(values, self.index, self.num_sets)

    def map(self, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Self:
        """Return the same sets with features ``function(values, ...)``, ``(R, *other)``.

        Raises:
            ShapeError: the function does not return one row for each row.
        """
        values = function(self.values, *args, **kwargs)
        rows = self.values.shape[0]
        if not isinstance(values, Tensor) or values.dim() < 1 or values.shape[0] != rows:
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ShapeError(
                f"SetBatch.map got {got} from {function!r}, expected a tensor ({rows}, *element): "
                "one row for each row. Use eqsets.nn.SetPool to reduce over sets."
            )
        return self.replace(values)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Return the batch on another device or in another dtype, as ``Tensor.to``."""
        values = self.values.to(*args, **kwargs)
        waits = {"non_blocking": kwargs["non_blocking"]} if "non_blocking" in kwargs else {}
        return self._trusted(values, self.index.to(values.device, **waits), self.num_sets)

    def cpu(self) -> Self:
        """Return the batch in the memory of the CPU."""
        return self.to("cpu")

    def cuda(self, device: int | str | torch.device | None = None) -> Self:
        """Return the batch on a CUDA device, the current one unless given."""
        return self._trusted(self.values.cuda(device), self.index.cuda(device), self.num_sets)

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory, as data loaders ask for it."""
        return self._trusted(self.values.pin_memory(), self.index.pin_memory(), self.num_sets)

    def detach(self) -> Self:
        """Return the batch without its autograd history."""
        return self.replace(self.values.detach())

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let autograd record operations on the features, in place; returns the batch."""
        self.values.requires_grad_(requires_grad)
        return self

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the features."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """The device of features and index."""
        return self.values.device

    @property
    def requires_grad(self) -> bool:
        """Whether autograd records operations on the features."""
        return self.values.requires_grad

    def __len__(self) -> int:
        return self.num_sets

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.to_list())

    def __getitem__(self, key: int | slice | Sequence[int] | Tensor) -> Any:
        chosen = selected(key, self.num_sets, self.device)
        if isinstance(chosen, int):
            return self.values[self.index == chosen]
        rows, owner = rows_of(chosen, self.index, self.sizes())
        return self._trusted(self.values[rows], owner, len(chosen))

    def _combine(self, other: Any, function: Callable[[Any, Any], Tensor], name: str) -> Self:
        if isinstance(other, SetBatch):
            if not self._same_sets(other):
                raise ShapeError(
                    f"SetBatch {name} SetBatch got {self!r} and {other!r}, expected the same sets "
                    "with their rows in the same order. Both must come from one batch."
                )
            return self.replace(function(self.values, other.values))
        number = isinstance(other, int | float | complex)
        if not number and not (isinstance(other, Tensor) and other.dim() == 0):
            got = f"tensor {tuple(other.shape)}" if isinstance(other, Tensor) else repr(other)
            raise FeatureTypeError(
                f"SetBatch {name} got {got}, expected a SetBatch of the same sets or a number. "
                f"Say which rows are meant: batch.map(lambda rows: rows {name} ...)."
            )
        return self.replace(function(self.values, other))

    def _same_sets(self, other: SetBatch) -> bool:
        if self.index is other.index:
            return True
        if self.num_sets != other.num_sets or self.index.shape != other.index.shape:
            return False
        known = values_known(self.index) and values_known(other.index)
        return not known or torch.equal(self.index, other.index)

    def __add__(self, other: Any) -> Self:
        return self._combine(other, operator.add, "+")

    def __sub__(self, other: Any) -> Self:
        return self._combine(other, operator.sub, "-")

    def __rsub__(self, other: Any) -> Self:
        return self._combine(other, lambda x, y: y - x, "-")

    def __mul__(self, other: Any) -> Self:
        return self._combine(other, operator.mul, "*")

    def __truediv__(self, other: Any) -> Self:
        return self._combine(other, operator.truediv, "/")

    def __neg__(self) -> Self:
        return self.replace(-self.values)

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self) -> str:
        sizes = f"{self.values.shape[0]} elements in all"
        if values_known(self.index):
            each = self.sizes()
            sizes = f"{int(each.min())} to {int(each.max())} elements"
        return (
            f"SetBatch({self.num_sets} sets of {sizes} of shape {tuple(self.values.shape[1:])}, "
            f"{self.dtype})"
        )


def _flatten(batch: SetBatch) -> tuple[list[Tensor], int]:
    return [batch.values, batch.index], batch.num_sets


def _flatten_with_keys(batch: SetBatch) -> tuple[list[tuple[pytree.KeyEntry, Tensor]], int]:
    children, num_sets = _flatten(batch)
    keys = (pytree.GetAttrKey("values"), pytree.GetAttrKey("index"))
    return list(zip(keys, children, strict=True)), num_sets


def _unflatten(children: Any, num_sets: Any) -> SetBatch:
    values, index = children
    return SetBatch._trusted(values, index, num_sets)


pytree.register_pytree_node(
    SetBatch,
    _flatten,
    _unflatten,
    serialized_type_name="eqsets.SetBatch",
    flatten_with_keys_fn=_flatten_with_keys,
)
fx_pytree.register_pytree_flatten_spec(SetBatch, lambda batch, _: _flatten(batch)[0])
torch.serialization.add_safe_globals([SetBatch])  # torch.load(weights_only=True) takes it
