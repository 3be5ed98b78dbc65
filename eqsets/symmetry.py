"""What a plugin provides: the symmetry of one element of a set.

Requirements that shaped this module:

- a useful plugin is 15 lines: from ``group`` and ``feature_type`` alone everything else follows, by
  solving for all maps that commute with the group's generators;
- a fast or infinite domain (convolutions, graphs) overrides ``linear`` and keeps the rest;
- all modules made here act on rows ``(E, *element)``; the set axis is none of a plugin's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from eqsets.constants import on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.layout import Layout
from eqsets.rows import ChannelDropout, ElementNorm, InvariantGate, RowNorm, pointwise_activation
from eqsets.solve import (
    Action,
    Basis,
    EquivariantLinear,
    InvariantEmbedding,
    InvariantReadout,
    action_of,
    basis_between,
)
from eqsets.solve.basis import is_orthogonal
from eqsets.structure import NO_STRUCTURE, Structure

__all__ = ["ElementSymmetry"]


class ElementSymmetry(ABC):
    r"""The group that acts on every element, and the layers that commute with it.

    A subclass gives ``group`` and ``feature_type``. The defaults solve for the rest:

    .. math:: \{L : \rho'(g) L = L \rho(g) \;\forall g\}

    Attributes:
        structured: whether the modules take side information (``structure=``), such as edges.
        tolerance: relative error in float64 that group elements may cause; exact symmetries keep
            the default, interpolating ones declare more.
    """

    structured: bool = False
    tolerance: float = 1e-10
    _product: ClassVar[type[Any] | None] = None

    def __init_subclass__(cls, *, is_product: bool = False, **options: Any) -> None:
        """Let one subclass, Product, declare that ``first * second`` constructs it.

        So the operator needs no import of a module that stands above this one.
        """
        super().__init_subclass__(**options)
        if is_product:
            ElementSymmetry._product = cls

    @property
    def parts(self) -> tuple[ElementSymmetry, ...]:
        """The symmetries that this one is composed of, whose promises it inherits; none here."""
        return ()

    @property
    @abstractmethod
    def group(self) -> Group:
        """The group H that acts on an element."""

    @abstractmethod
    def feature_type(self, spec: Any) -> FeatureType:
        """Return the type that ``spec`` names: an int, a short string, or a type (kept as it is).

        Raises:
            FeatureTypeError: the specification is not understood.
        """

    def layer_types(
        self, in_type: FeatureType, out_type: FeatureType, **options: Any
    ) -> tuple[FeatureType, FeatureType]:
        """Return the types that ``linear`` with these options maps between, by default those given.

        For symmetries whose options change a type: a stride makes the grid of the output coarser.
        """
        return in_type, out_type

    def linear(
        self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True, **options: Any
    ) -> nn.Module:
        """Return an H-equivariant linear module ``(E, *in) -> (E, *out)``, here the complete one.

        Raises:
            FeatureTypeError: options are given; the solved layer takes none.
        """
        self._no_options(options)
        return EquivariantLinear(
            in_type, out_type, self.basis(in_type, out_type), self.action(out_type), bias=bias
        )

    def invariant(self, in_type: FeatureType) -> nn.Module:
        """Return a module ``(E, *in) -> (E, features)`` of invariants, with ``.features``."""
        return InvariantReadout(in_type, self.action(in_type))

    def shared_invariant(self, in_type: FeatureType) -> nn.Module:
        """Return the invariants that elements share where each is moved by its own group element.

        By default those of :meth:`invariant`. They may keep axes of the element that the group
        leaves alone, ``(E, *kept, features)``: the points of a cloud. Then :meth:`embed` takes
        them with these axes, too.
        """
        return self.invariant(in_type)

    def embed(self, features: int, out_type: FeatureType) -> nn.Module:
        """Return a module that writes ``(E, features)`` invariants into features ``(E, *out)``."""
        return InvariantEmbedding(features, out_type, self.action(out_type))

    def norm(self, in_type: FeatureType, kind: str = "element") -> nn.Module:
        """Return an equivariant normalisation; its forward takes ``(x, present=None)``.

        Arguments:
            in_type: type of the features, kept.
            kind: ``"element"`` normalises each element by itself (independent of set and batch);
                ``"batch"`` each channel over all present elements, with running statistics.

        Raises:
            FeatureTypeError: the kind is unknown, or the type allows no such norm.
        """
        if kind == "batch" and in_type.pointwise and in_type.channel_axis is not None:
            return RowNorm(in_type)
        if kind == "element" and (in_type.pointwise or is_orthogonal(self.action(in_type))):
            return ElementNorm(in_type)
        raise FeatureTypeError(
            f"norm {kind!r} is not equivariant on {in_type!r}: 'batch' needs a pointwise type, "
            "'element' a pointwise or length-preserving one. Choose the other or none."
        )

    def nonlinearity(self, in_type: FeatureType, name: str = "relu") -> nn.Module:
        """Return an equivariant nonlinearity: componentwise where allowed, else a gate.

        Arguments:
            in_type: type of the features, kept.
            name: a torch activation such as ``"relu"``, ``"gelu"``, ``"silu"``, ``"elu"``.

        Raises:
            FeatureTypeError: the name is unknown.
        """
        activation = pointwise_activation(name)
        if in_type.pointwise:
            return activation
        return InvariantGate(in_type, self.invariant(in_type))

    def dropout(self, in_type: FeatureType, p: float) -> nn.Module:
        """Return a dropout of whole channels per element, which commutes with the group."""
        return ChannelDropout(in_type, p)

    def pool(self, in_type: FeatureType, **options: Any) -> nn.Module:
        """Return a module with ``.out_type`` that makes elements smaller, where there is one.

        Raises:
            FeatureTypeError: this symmetry knows no pooling inside an element.
        """
        raise FeatureTypeError(
            f"{self!r} knows no pooling inside an element, asked for with {options or 'no options'}"
            ". Use invariant(type) to read out the whole element."
        )

    def structure(self, given: Any) -> Structure:
        """Return side information as one object; what is one comes back as it is.

        Arguments:
            given: what users pass as ``structure=``.

        Raises:
            FeatureTypeError: side information is given, but not used.
        """
        if isinstance(given, Structure):
            return given
        prepared = self.prepare_structure(given)
        return NO_STRUCTURE if prepared is None else PreparedStructure(self, prepared)

    def transform_structure(self, g: Tensor, structure: Any) -> Any:
        """Return how side information moves with ``g``; by default it must be absent."""
        self.check_structure(structure)
        return structure

    def check_structure(self, structure: Any) -> None:
        """Raise :class:`~eqsets.FeatureTypeError` where side information is given but not used."""
        if structure is not None and not self.structured:
            raise FeatureTypeError(
                f"{self!r} takes no side information, got structure of type "
                f"{type(structure).__name__}. Leave structure=None."
            )

    def prepare_structure(self, structure: Any) -> Any:
        """Return side information, checked, in the form that the other methods work on.

        Networks ask once and hand the result to every layer, so what is kept on it is shared by
        all layers and both branches. What is prepared already comes back as it is.
        """
        self.check_structure(structure)
        return structure

    def row_structure(self, structure: Any, layout: Layout) -> Any:
        """Return the side information of the rows ``(R, *element)``; by default one for all.

        Every row module of a structured symmetry takes it as second argument.
        """
        return structure

    def set_structure(self, structure: Any, layout: Layout) -> Any:
        """Return the side information of the L2 branch, for elements ``(B, *element)``."""
        return structure

    def readout_layout(self, structure: Any, layout: Layout) -> Layout:
        """Return which invariants form a set; another layout only where rows are no elements.

        Elements of different sizes may travel as rows of their parts (nodes of graphs); then there
        is one row of invariants for each element, not for each part.
        """
        return layout

    # What the defaults stand on, solved once for each pair of types and kept on this object.

    def action(self, feature_type: FeatureType) -> Action:
        """Return how the generators act on one channel of ``feature_type``."""
        solved: Action = self._memo(_single(feature_type), lambda key: action_of(self.group, key))
        return solved

    def basis(self, in_type: FeatureType, out_type: FeatureType) -> Basis:
        """Return all equivariant linear maps from one channel of each type to the other."""
        key = (_single(in_type), _single(out_type))
        solved: Basis = self._memo(
            key, lambda pair: basis_between(self.action(pair[0]), self.action(pair[1]))
        )
        return solved

    def _memo(self, key: Any, solve: Any) -> Any:
        memo = self.__dict__.setdefault("_solved", {})
        if key not in memo:
            with on_cpu():
                memo[key] = solve(key)
        return memo[key]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_solved"}

    def _no_options(self, options: dict[str, Any]) -> None:
        if options:
            raise FeatureTypeError(
                f"the linear layer of {self!r} got the options {sorted(options)}, expected none. "
                "Leave them out, or use an element group whose layers have them."
            )

    def __mul__(self, other: ElementSymmetry) -> ElementSymmetry:
        """Return the :class:`~eqsets.Product` with this symmetry as its first factor."""
        if not isinstance(other, ElementSymmetry):
            return NotImplemented
        if self._product is None:
            raise AssertionError("eqsets.products, which `import eqsets` imports, declares Product")
        product: ElementSymmetry = self._product(self, other)
        return product

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PreparedStructure(Structure):
    """Side information on which a symmetry defines the methods ``row_structure`` and others."""

    def __init__(self, symmetry: ElementSymmetry, prepared: Any) -> None:
        self.symmetry, self.prepared = symmetry, prepared

    @property
    def given(self) -> Any:
        return self.prepared

    def rows(self, layout: Layout) -> tuple[Any, ...]:
        return (self.symmetry.row_structure(self.prepared, layout),)

    def sets(self, layout: Layout) -> tuple[Any, ...]:
        return (self.symmetry.set_structure(self.prepared, layout),)

    def readout_layout(self, layout: Layout) -> Layout:
        return self.symmetry.readout_layout(self.prepared, layout)

    def transform(self, g: Tensor) -> PreparedStructure:
        moved = self.symmetry.transform_structure(g, self.prepared)
        return PreparedStructure(self.symmetry, moved)


def _single(feature_type: FeatureType) -> FeatureType:
    return feature_type if feature_type.channel_axis is None else feature_type.with_channels(1)
