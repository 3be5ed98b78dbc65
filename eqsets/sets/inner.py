"""Which parts belong to which element, which element to which set, and which parts correspond."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.sets.selection import set_sizes
from eqsets.tensors.tracing import values_known

__all__ = ["Inner", "check_inner"]


@dataclass(frozen=True, eq=False)
class Inner:
    """The index of elements with parts, computed once for all layers of a network.

    Attributes:
        element: ``(T,)`` the element of each part, ascending.
        index: ``(E,)`` the set of each element.
        num_sets: number of sets ``B``.
        sizes: ``(E,)`` the number of parts of each element.
        group: ``(T,)`` parts of one set that correspond have one number; where they do not, each
            part has its own.
        num_groups: number of these ``G``.
        set_of_group: ``(G,)`` the set of each; ascending where parts correspond.
        corresponding: whether the elements of each set have equally many parts, so that parts of
            one position correspond.
        memo: what layouts compute from it, once for all layers of a network.
    """

    element: Tensor
    index: Tensor
    num_sets: int
    sizes: Tensor
    group: Tensor
    num_groups: int
    set_of_group: Tensor
    corresponding: bool
    memo: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, element: Tensor, index: Tensor, num_sets: int, position: Tensor | None = None
    ) -> Inner:
        """Return the index of valid ``element`` and ``index``; reads values, once a batch.

        Arguments:
            element: ``(T,)``.
            index: ``(E,)``.
            num_sets: number of sets.
            position: ``(T,)`` what must agree for parts to correspond; their rank by default.
        """
        sizes = set_sizes(element, len(index))
        starts = sizes.cumsum(0) - sizes
        within = torch.arange(len(element), device=element.device) - starts[element]
        most = sizes.new_zeros(num_sets).scatter_reduce(0, index, sizes, "amax")
        group = (most.cumsum(0) - most)[index[element]] + within
        same = bool((most[index] == sizes).all())
        if same and position is not None:
            first = position.new_zeros(int(most.sum())).index_put((group,), position)
            same = bool((first[group] == position).all())
        if not same:
            each = torch.arange(len(element), device=element.device)
            return cls(element, index, num_sets, sizes, each, len(each), index[element], False)
        count = int(most.sum())
        owner = torch.arange(num_sets, device=index.device)
        owner = owner.repeat_interleave(most, output_size=count)
        return cls(element, index, num_sets, sizes, group, count, owner, True)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "memo": {}}

    def to(self, device: torch.device) -> Inner:
        """Return the index on another device."""
        if self.element.device == device:
            return self
        names = ("element", "index", "sizes", "group", "set_of_group")
        element, index, sizes, group, owner = (getattr(self, name).to(device) for name in names)
        return Inner(
            element, index, self.num_sets, sizes, group, self.num_groups, owner, self.corresponding
        )

    def same_as(self, other: Inner) -> bool:
        """Return whether both index the same parts of the same elements of the same sets."""
        if self is other:
            return True
        pairs = ((self.element, other.element), (self.index, other.index))
        return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)

    def require_corresponding(self) -> None:
        """Raise :class:`~eqsets.ShapeError` where parts of the elements of a set differ."""
        if not self.corresponding:
            raise ShapeError(
                "the elements of a set are aggregated part by part, and in one set they have "
                f"different numbers of parts ({int(self.sizes.min())} to {int(self.sizes.max())} "
                "in the batch): expected equally many in each set, in one order. Elements without "
                "corresponding parts share invariants only: use alignment='independent' (spatial: "
                "of element_group('spatial', correspondence=False)), or aggregation='none'."
            )


def check_inner(values: Tensor, index: Tensor, num_sets: int, element: Tensor) -> None:
    """Check the shapes, dtypes and devices, and the values where they are known.

    Raises:
        ShapeError: parts, elements and sets do not fit.
    """
    shapes = [tuple(each.shape) for each in (values, element, index)]
    integers = index.dtype == element.dtype == torch.int64
    if not integers or index.dim() != 1 or element.shape != values.shape[:1] or values.dim() < 1:
        raise ShapeError(
            f"PartBatch got values {shapes[0]}, element {shapes[1]} of {element.dtype} and index "
            f"{shapes[2]} of {index.dtype}, expected values (T, *part), element (T,) and index "
            "(E,) of torch.int64. Use PartBatch.from_list([[...], ...]), which computes both."
        )
    if len({values.device, index.device, element.device}) > 1:
        raise ShapeError(
            f"PartBatch got values on {values.device}, element on {element.device} and index on "
            f"{index.device}, expected one device. Move them with .to(...)."
        )
    if num_sets < 1 or not len(index) or not len(element):
        raise ShapeError(
            f"PartBatch got {num_sets} sets, {len(index)} elements and {len(element)} parts, "
            "expected at least one of each. Leave empty batches out."
        )
    if not values_known(element) or not values_known(index):
        return
    if bool((element.diff() < 0).any()):
        raise ShapeError(
            "PartBatch got an element index that decreases, expected the parts of element after "
            "element: 0, 0, 0, 1, 1, 2. Sort values and element by element.argsort(stable=True)."
        )
    for name, of, count in (("element", element, len(index)), ("index", index, num_sets)):
        low, high = int(of.min()), int(of.max())
        if low < 0 or high >= count:
            raise ShapeError(
                f"PartBatch got {name} from {low} to {high}, expected 0 to {count - 1} for "
                f"{len(index)} elements in {num_sets} sets."
            )
        empty = (set_sizes(of, count) == 0).nonzero()[:, 0].tolist()
        if empty:
            what = "parts for the elements" if name == "element" else "elements for the sets"
            raise ShapeError(
                f"PartBatch got no {what} {empty[:10]}, expected at least one for each. Leave "
                "empty ones out."
            )
