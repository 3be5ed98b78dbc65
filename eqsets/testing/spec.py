"""The specification of a subject: what to test, and which capabilities it claims.

The properties are fixed by mathematics, only the things vary. So whoever writes a symmetry supplies
data, not tests: types, layers, capabilities, tolerance, and which laws must fail and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from eqsets.errors import GroupError
from eqsets.families import TransformationFamily
from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.symmetry import ElementSymmetry

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "Capabilities",
    "CollatedCase",
    "ContractSpec",
    "GroupCase",
    "Layer",
    "PartCase",
    "RowCase",
    "SetCase",
    "TypeCase",
]

Elements: TypeAlias = "Callable[[Group], SearchStrategy[Tensor]]"
"""Makes the strategy that group elements are drawn from: those that are exact, for example."""

Structure: TypeAlias = Callable[[torch.Generator], Any]
"""Makes the side information (edges, positions) that all elements of a test share."""

Stack: TypeAlias = Callable[[Sequence[Any], int, int], Any]
"""Puts structures of single elements, set after set, together: ``stack(structures, B, N)``."""

_LISTABLE = 2_000


@dataclass(frozen=True)
class Capabilities:
    """What a subject claims; a law about something that is not claimed is skipped, with the reason.

    Attributes:
        padded: modules on sets take a mask, and treat bad sets as eqsets does.
        ragged: they take a :class:`~eqsets.SetBatch`.
        independent: each element may be moved by a group element of its own.
        complete: the linear layer spans all equivariant maps; ``ContractSpec.dimension`` returns
            how many it spans where it does not.
        compiles: modules pass ``torch.compile(fullgraph=True)`` and ``torch.export``.
        onnx: modules can be written to ONNX.
        moves: modules work on another device than the one they were built on.
        bfloat16: modules run in bfloat16 and float16.
        twice: modules can be differentiated twice.
        forward_mode: modules have derivatives in forward mode (``torch.func.jacfwd``).
    """

    padded: bool = True
    ragged: bool = True
    independent: bool = True
    complete: bool = True
    compiles: bool = True
    onnx: bool = True
    moves: bool = True
    bfloat16: bool = True
    twice: bool = True
    forward_mode: bool = True


@dataclass(frozen=True)
class Layer:
    """Two types to build layers between, and the options of the symmetry's linear layer."""

    in_type: FeatureType
    out_type: FeatureType
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self.options.items())
        return f"{self.in_type} -> {self.out_type}{options}"


@dataclass(frozen=True, eq=False)
class GroupCase:
    """A group, with a test whether something is an element of it."""

    group: Group
    contains: Callable[[Tensor], Tensor] | None = None
    draws: Elements | None = None
    order: int | None = None
    generates: Tensor | None = None

    label = "group"

    @cached_property
    def elements(self) -> Tensor | None:
        """All elements, where they can be listed."""
        order = self.group.order
        generators = self.group.generators()
        if order is None or order > _LISTABLE or generators is None:
            return None
        try:
            return self.group.elements(_LISTABLE)
        except GroupError:  # more elements than order: what law EQG07 is about
            return None

    def same(self, g: Tensor, h: Tensor) -> float:
        """Return the distance of two elements, relative to their size; 0 for exact groups."""
        size = max(1.0, float(h.double().abs().max())) if h.is_floating_point() else 1.0
        return float(self.group.distance(g, h).max()) / size

    @property
    def budget(self) -> float:
        """Return the largest distance of elements that should be equal."""
        return 1e-9 if self.group.dtype.is_floating_point else 0.0


@dataclass(frozen=True, eq=False)
class TypeCase:
    """A feature type with the group that acts on it."""

    type: FeatureType
    group: Group
    tolerance: float = 1e-10
    draws: Elements | None = None

    @property
    def label(self) -> str:
        return str(self.type)


@dataclass(frozen=True, eq=False)
class RowCase:
    """A module on rows ``(E, *element)`` that a symmetry makes.

    Attributes:
        label: its name in messages.
        role: ``"linear"``, ``"invariant"``, ``"maximum"``, ``"embed"``, ``"norm"``,
            ``"nonlinearity"``, ``"dropout"``, ``"part"`` or ``"pool"``.
        build: makes a fresh module, with random weights where it has any.
        symmetry: whose module it is.
        in_type: type of the rows.
        out_type: type of what the module returns.
        options: for linear layers, how they are built.
        call: how the module is called with rows; ``module(rows)`` unless given.
    """

    label: str
    role: str
    build: Callable[[], nn.Module]
    symmetry: ElementSymmetry
    in_type: FeatureType
    out_type: FeatureType
    options: Mapping[str, Any] = field(default_factory=dict)
    call: Callable[[nn.Module, Tensor], Tensor] | None = None
    structure: Structure | None = None
    tolerance: float = 1e-10
    dimension: int | None = None
    draws: Elements | None = None

    @property
    def group(self) -> Group:
        return self.in_type.group or self.symmetry.group


@dataclass(frozen=True, eq=False)
class SetCase:
    """A module on sets ``(B, N, *element)``.

    Attributes:
        label: its name in messages.
        build: makes the module: a fresh one with random weights, or a copy of a given one.
        in_type: type of an element of the input.
        out_type: type of an element of the output, or of the one output for the whole set.
        group: the group that acts on an element.
        alignment: ``"shared"`` or ``"independent"``.
        reduces: whether the output is one element ``(B, *element)`` for the whole set.
        principal: whether the costly laws (saving, copying, compiling) are tried on it.
        oracle: the same module as a plain Python loop over the elements of one set:
            ``oracle(module, [x_1, ..., x_n])`` returns the list of outputs; where the module takes
            a structure, ``oracle(module, [x_1, ..., x_n], structure)``.
        symmetry: whose structure it takes, where it takes any.
        stack: how structures of single elements are put together, where each may have its own.
        random: whether it draws random numbers while training, as dropout does.
        statistics: whether it uses statistics of the batch while training.
        selects: whether it takes maxima of what it has computed: where two are nearly equal, half
            precision selects another, and gradients differ.
        normalizes: whether it divides by the size of what it has computed, which may be small.
        weighs: whether it takes ``return_weights=True``, and then also returns the weights of
            attention, ``(B, N, heads)`` or, of pairs, ``(B, N, N, heads)``.
    """

    label: str
    build: Callable[[], nn.Module]
    in_type: FeatureType
    out_type: FeatureType
    group: Group
    alignment: str = "shared"
    reduces: bool = False
    principal: bool = True
    oracle: Callable[..., list[Tensor]] | None = None
    symmetry: ElementSymmetry | None = None
    structure: Structure | None = None
    stack: Stack | None = None
    tolerance: float = 1e-10
    capabilities: Capabilities = field(default_factory=Capabilities)
    draws: Elements | None = None
    random: bool = False
    statistics: bool = False
    selects: bool = False
    normalizes: bool = False
    weighs: bool = False


@dataclass(frozen=True, eq=False)
class CollatedCase:
    """A module on batches of another library, such as ``Batch`` of PyG.

    Attributes:
        label: its name in messages.
        build: makes the module; called with a batch, it returns a tensor, example after example.
        examples: makes examples, of unequal sizes where these may differ.
        collate: puts examples into one batch.
    """

    label: str
    build: Callable[[], nn.Module]
    examples: Callable[[torch.Generator], list[Any]]
    collate: Callable[[list[Any]], Any]


@dataclass(frozen=True, eq=False)
class PartCase:
    """A module on sets whose elements have unequal numbers of parts, of points or nodes.

    Attributes:
        label: its name in messages.
        build: makes the module, which returns features of elements or one vector a set.
        in_type: type of an element of the input, and of the output where ``out_type`` is none.
        sizes: the number of parts of each element of each set.
        group_element: draws what moves an element of so many parts.
        out_type: type of an element of the output; ``None``: the output is invariant.
        alignment: ``"shared"``: one group element moves all elements of a set.
        side: makes the side information of an element of so many parts, if there is any.
        move: returns it moved by a group element.
        join: puts side information of all elements together for a :class:`~eqsets.PartBatch`:
            ``join(sides, sizes)``.
        pad: the same for tensors that are padded: ``pad(sides, sizes, (B, N, P))``.
        stack: the same for one set ``(1, N, P, *part)`` of elements of one size: ``stack(sides)``.
        tolerance: relative error in float64 that group elements may cause.
    """

    label: str
    build: Callable[[], nn.Module]
    in_type: FeatureType
    sizes: tuple[tuple[int, ...], ...]
    group_element: Callable[[int, torch.Generator], Tensor]
    out_type: FeatureType | None = None
    alignment: str = "shared"
    side: Callable[[int, torch.Generator], Any] | None = None
    move: Callable[[Tensor, Any], Any] | None = None
    join: Callable[..., Any] | None = None
    pad: Callable[..., Any] | None = None
    stack: Callable[..., Any] | None = None
    tolerance: float = 1e-10


@dataclass(frozen=True, eq=False)
class ContractSpec:
    """Everything that the laws need to know about a thing.

    Arguments:
        name: its name in reports.
        plugin: whether the name is one that a plugin provides, so that ``eqsets check`` takes it.
        symmetry: an element symmetry; its group, types and layers are tested.
        group: a group, where there is no symmetry, or to test instead of the symmetry's.
        family: a family of transformations; its group and its action on images are tested.
        types: feature types to test; the first is the input of the set layers that are built.
        layers: pairs of types to build linear layers between; neighbours in ``types`` unless given.
        options: options of all linear layers, such as ``{"kernel_size": 3}``.
        rows: modules on rows to test; filled in for a symmetry.
        sets: modules on sets to test in addition to, or instead of, those built for the symmetry.
        contains: returns which tensors ``(*batch, *element_shape)`` are elements of the group, for
            groups that cannot be listed. A sampler of a larger group fails it.
        generates: elements ``(k, *element_shape)`` that must be in the group: one that is not shows
            that a generator was forgotten.
        draws: makes the strategy for group elements, such as only those that act exactly.
        structure: makes side information, for symmetries that take it.
        stack: puts side information of single elements together, where each may have its own.
        collated: modules on batches of another library.
        parted: modules on elements of unequal numbers of parts.
        dimension: returns how many independent maps a linear layer has, where it is not complete.
        aggregations: with which DSS layers are built; fewer where layers are costly.
        pools: options of the poolings to test, such as ``({"size": 2},)``.
        tolerance: relative error in float64 of the group elements; the symmetry's unless given.
        capabilities: what is claimed.
        expected_failures: ``{id: reason}`` of laws that are known to fail.
        variants: further specs that are tested under the same name: other grids, types or options.
        order: how many elements the group has, where it is finite; not taken from the group.
        alternatives: options of the linear layer, or symmetries that differ in their own options,
            each of which gives another layer.

    Example:
        >>> from eqsets import element_group
        >>> ring = element_group("cyclic", size=5)
        >>> ContractSpec(
        ...     "ring", symmetry=ring, types=(ring.feature_type(1), ring.feature_type(2))
        ... ).name
        'ring'
    """

    name: str
    plugin: bool = field(default=False, kw_only=True)
    symmetry: ElementSymmetry | None = None
    group: Group | None = None
    family: TransformationFamily | None = None
    types: tuple[FeatureType, ...] = ()
    layers: tuple[Layer, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[RowCase, ...] = ()
    sets: tuple[SetCase, ...] = ()
    contains: Callable[[Tensor], Tensor] | None = None
    draws: Elements | None = None
    structure: Structure | None = None
    dimension: Callable[[Layer], int] | None = None
    aggregations: tuple[str, ...] = (
        "centered",
        "sum",
        "mean",
        "max",
        "none",
        "sridhar",
        "aittala",
        "attention",
        "gated-centered",
    )
    pools: tuple[Mapping[str, Any], ...] = ({},)
    tolerance: float | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    variants: tuple[ContractSpec, ...] = ()
    order: int | None = None
    alternatives: tuple[Mapping[str, Any] | ElementSymmetry, ...] = ()
    generates: Tensor | None = None
    stack: Stack | None = None
    collated: tuple[CollatedCase, ...] = ()
    parted: tuple[PartCase, ...] = ()
