"""A set module as a function of tensors, in one layout: what a file of another runtime takes.

Requirements that shaped this module:

- inputs and outputs are tensors with names: runtimes know neither sets nor classes of Python;
- a ragged batch is given by its rows and the *size* of each set, which also says how many sets
  there are; the index of each row is computed inside;
- side information is an input, too: the edges of the next graph are others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from eqsets.errors import OptionError
from eqsets.features import FeatureType
from eqsets.sets import PartBatch, SetBatch

__all__ = [
    "LAYOUTS",
    "Example",
    "SetFunction",
    "axes",
    "example_sets",
    "names",
    "refuse_objects",
    "split_structure",
]

LAYOUTS = ("dense", "padded", "ragged")

_NAMES = {"dense": ("x",), "padded": ("x", "mask"), "ragged": ("values", "counts")}


@dataclass(frozen=True)
class Parts:
    """How side information is put together from tensors.

    Attributes:
        spec: of the pytree.
        present: for each leaf whether it is a tensor; the others are ``None``.
    """

    spec: Any
    present: tuple[bool, ...]

    def of(self, tensors: Sequence[Tensor]) -> Any:
        """Return the side information with these tensors."""
        left = iter(tensors)
        return pytree.tree_unflatten(
            [next(left) if one else None for one in self.present], self.spec
        )


class SetFunction(nn.Module):
    """A set module as a function of tensors.

    Arguments:
        module: takes ``(x, mask, structure=)`` as :class:`~eqsets.DSS` does.
        layout: ``"dense"``: ``(x)``; ``"padded"``: ``(x, mask)``; ``"ragged"``:
            ``(values, counts)``. Tensors of the structure follow.
        structure: how tensors become the side information; ``None`` where there is none.
        options: further arguments of ``module``.
    """

    def __init__(
        self, module: nn.Module, layout: str, structure: Parts | None, options: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.module, self.layout, self.structure = module, layout, structure
        self.options = dict(options)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map sets in the layout to the tensors that the module returns."""
        count = len(_NAMES[self.layout])
        given, side = tensors[:count], tensors[count:]
        options = dict(self.options)
        if self.structure is not None:
            options["structure"] = self.structure.of(side)
        if self.layout == "ragged":
            y = self.module(_ragged(*given), **options)
        elif self.layout == "padded":
            y = self.module(given[0], mask=given[1], **options)
        else:
            y = self.module(given[0], **options)
        parts = list(y) if isinstance(y, tuple | list) else [y]
        return tuple(one.values if isinstance(one, SetBatch) else one for one in parts)


def _ragged(values: Tensor, counts: Tensor) -> SetBatch:
    # The set of a row is the number of sets that end before it. One row more, for the last end.
    rows = values.shape[0]
    ends = counts.new_zeros(rows + 1).index_add(0, counts.cumsum(0), torch.ones_like(counts))
    return SetBatch(values, ends.cumsum(0)[:rows], counts.shape[0])


@dataclass(frozen=True, eq=False)
class Example:
    """Inputs of one size.

    Attributes:
        names: of the inputs.
        tensors: in the order of the names.
        free: how many axes of each input are free by name, from the first; the others are as torch
            infers them.
        structure: how the tensors behind the layout's own become side information.
    """

    names: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    free: tuple[tuple[str, ...] | None, ...]
    structure: Parts | None

    def axis_name(self, position: int, axis: int) -> str:
        """Return the name of an axis of an input."""
        free = self.free[position] or ()
        return free[axis] if axis < len(free) else f"{self.names[position]}_{axis}"


def split_structure(structure: Any) -> tuple[list[Tensor], Parts | None]:
    """Return the tensors of side information, and how it is put together from them.

    Raises:
        OptionError: a part is no tensor, or elements have unequal numbers of parts.
    """
    if structure is None:
        return [], None
    refuse_objects(structure)
    leaves, spec = pytree.tree_flatten(structure)
    for leaf in leaves:
        if leaf is not None and not isinstance(leaf, Tensor):
            raise OptionError(
                f"export got a structure with a part of type {type(leaf).__name__}, expected "
                "tensors, or objects that torch.utils._pytree flattens into tensors. Convert "
                "numbers and arrays by torch.as_tensor."
            )
    tensors = [leaf for leaf in leaves if leaf is not None]
    return tensors, Parts(spec, tuple(leaf is not None for leaf in leaves))


def refuse_objects(structure: Any) -> None:
    """Raise for side information that files cannot take.

    Raises:
        OptionError: it is a ``PartBatch`` or an object of PyG.
    """
    if isinstance(structure, PartBatch):
        raise OptionError(
            f"export got a structure {structure!r}, elements of unequal numbers of parts, expected "
            "tensors: files take elements of one size. Pad them: x and positions by to_padded(), "
            "layout='padded', with a mask (B, N, P) inside a module that calls the network; or "
            "export the network of one element, and aggregate outside."
        )
    if type(structure).__module__.startswith("torch_geometric"):
        raise OptionError(
            f"export got a structure of type {type(structure).__name__}, expected tensors: a file "
            "takes no objects of PyG. Pass its edge_index (2, M) as a tensor, or edges and weights "
            "as a tuple of tensors inside a module that calls the network."
        )


def example_sets(
    layout: str, in_type: FeatureType, sizes: tuple[int, int], like: Tensor
) -> tuple[Tensor, ...]:
    """Return random sets in a layout: ``sizes[0]`` sets of up to ``sizes[1]`` elements."""
    batch, size = sizes
    generator = torch.Generator().manual_seed(batch * size)
    x = in_type.sample(batch, size, generator=generator, dtype=like.dtype).to(like.device)
    if layout == "dense":
        return (x,)
    counts = torch.tensor([size - number % size for number in range(batch)], device=like.device)
    present = torch.arange(size, device=like.device) < counts[:, None]
    return (x, present) if layout == "padded" else (x[present], counts)


def axes(layout: str) -> tuple[tuple[str, ...], ...]:
    """Return names of the free axes of each input of a layout."""
    if layout == "ragged":
        return (("elements",), ("batch",))
    return (("batch", "size"),) * len(_NAMES[layout])


def names(layout: str, structure: int) -> tuple[str, ...]:
    """Return names of the inputs: those of the layout, then of the tensors of the structure."""
    side = ("structure",) if structure == 1 else tuple(f"structure_{n}" for n in range(structure))
    return _NAMES[layout] + side
