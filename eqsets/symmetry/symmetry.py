"""What a plugin provides: the symmetry of one element of a set.

Requirements that shaped this module:

- a useful plugin is 15 lines: from ``group`` and ``feature_type`` alone everything else follows, by
  solving for all maps that commute with the group's generators;
- a fast or infinite domain (convolutions, graphs) overrides ``linear`` and keeps the rest;
- all modules made here act on rows ``(E, *element)``; the set axis is none of a plugin's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.layout import Layout
from eqsets.rows import InvariantPart
from eqsets.solve import Action, Basis
from eqsets.structure import NO_STRUCTURE, NoStructure, SharedStructure, Structure
from eqsets.structure.former import FormerStructure, FormerStructureMethods
from eqsets.symmetry.conversion import STANDARD_CONVERSIONS, Conversion, SetCall
from eqsets.symmetry.derived import derived_part
from eqsets.symmetry.solved import Solved

__all__ = ["ElementSymmetry"]


class ElementSymmetry(FormerStructureMethods, ABC):
    r"""The group that acts on every element, and the layers that commute with it.

    A subclass gives ``group`` and ``feature_type``. The defaults solve for the rest
    (:class:`~eqsets.symmetry.solved.Solved`):

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

        So the operator needs no import of a module that depends on this one.
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
        return self.solved.linear(in_type, out_type, bias=bias)

    def bilinear(
        self, in_type: FeatureType, out_type: FeatureType, *, channels: int = 8
    ) -> nn.Module:
        """Return an H-equivariant module of products of features, ``(E, *in) -> (E, *out)``.

        Arguments:
            in_type: type of the input.
            out_type: type of the output.
            channels: number of products for each pair of parts of the input.

        Raises:
            FeatureTypeError: no product of two features is in the output, or sizes are open.
        """
        return self.solved.bilinear(in_type, out_type, channels=channels)

    def invariant(self, in_type: FeatureType) -> nn.Module:
        """Return a module ``(E, *in) -> (E, features)`` of invariants, with ``.features``."""
        return self.solved.invariant(in_type)

    def maximum(self, in_type: FeatureType) -> nn.Module:
        """Return a module ``(E, *in) -> (E, features)`` of maxima over points that H may exchange.

        For read-outs that find one thing somewhere in an element; :meth:`invariant` takes means.

        Raises:
            FeatureTypeError: the group mixes components of the type, or it has no points.
        """
        return self.solved.maximum(in_type)

    def shared_invariant(self, in_type: FeatureType) -> nn.Module:
        """Return the invariants that elements share where each is moved by its own group element.

        By default those of :meth:`invariant`. They may keep axes of the element that the group
        leaves invariant, ``(E, *kept, features)``: the points of a cloud. Then :meth:`embed` takes
        them with these axes, too.
        """
        return self.invariant(in_type)

    def embed(self, features: int, out_type: FeatureType) -> nn.Module:
        """Return a module that writes ``(E, features)`` invariants into features ``(E, *out)``."""
        return self.solved.embed(features, out_type)

    def invariant_part(self, out_type: FeatureType) -> InvariantPart | None:
        """Return the projection onto the part of features that the group leaves invariant.

        The elements of a set share that part where each is moved by its own group element. With
        the solved :meth:`embed` it follows from the group; override both. ``None``: invariants are
        not linear in that part (maxima), so it is that of each element.

        Raises:
            FeatureTypeError: there is no invariant vector, or the projection is not known.
        """
        own = type(self)
        if own.embed is ElementSymmetry.embed:
            return self.solved.invariant_part(out_type)
        one = out_type.with_channels(1) if out_type.channel_axis is not None else None
        if one is None or own.shared_invariant is not ElementSymmetry.shared_invariant:
            raise FeatureTypeError(
                f"{self!r} overrides embed or shared_invariant, and does not say which part of "
                f"{out_type!r} is invariant, expected invariant_part(out_type). Override it, or "
                "use aggregation='mean'."
            )
        return derived_part(self.embed(1, one), self.group, one)

    def vectors(self, in_type: FeatureType) -> nn.Module:
        """Return a module ``(E, *in) -> (E, K, d)`` of vectors, which matrices ``(d, d)`` move.

        For groups of orthogonal matrices: :func:`eqsets.symmetrize` reads poses from them. Its
        ``.channels`` counts vectors of different meaning, the fast index of ``K``.

        Raises:
            FeatureTypeError: none are known.
        """
        raise FeatureTypeError(
            f"{self!r} knows no vectors in {in_type!r}, from which a pose could be read. Use a "
            "type with vectors, give symmetrize a pose=, or choose how='average'."
        )

    def norm(self, in_type: FeatureType, kind: str = "element") -> nn.Module:
        """Return an equivariant normalisation; its forward takes ``(x, present=None)``.

        Arguments:
            in_type: type of the features, kept.
            kind: ``"element"`` normalises each element by itself (independent of set and batch);
                ``"batch"`` each channel over all present elements, with running statistics.

        Raises:
            FeatureTypeError: the kind is unknown, or the type allows no such norm.
        """
        return self.solved.norm(in_type, kind)

    def nonlinearity(self, in_type: FeatureType, name: str = "relu") -> nn.Module:
        """Return an equivariant nonlinearity: componentwise where allowed, else a gate.

        Arguments:
            in_type: type of the features, kept.
            name: a torch activation such as ``"relu"``, ``"gelu"``, ``"silu"``, ``"elu"``.

        Raises:
            FeatureTypeError: the name is unknown.
        """
        return self.solved.nonlinearity(in_type, name, self.invariant)

    def dropout(self, in_type: FeatureType, p: float) -> nn.Module:
        """Return a dropout of whole channels per element, which commutes with the group."""
        return self.solved.dropout(in_type, p)

    def pool(self, in_type: FeatureType, **options: Any) -> nn.Module:
        """Return a module with ``.out_type`` that makes elements smaller, where there is one.

        Raises:
            FeatureTypeError: this symmetry knows no pooling inside an element.
        """
        raise FeatureTypeError(
            f"{self!r} knows no pooling inside an element, asked for with {options or 'no options'}"
            ". Use invariant(type) to read out the whole element."
        )

    def upsample(self, in_type: FeatureType, **options: Any) -> nn.Module:
        """Return a module with ``.out_type`` that makes elements finer, where there is one.

        Its forward takes ``(x, size=None)``, with the sizes of the grid that the output shall have.

        Raises:
            FeatureTypeError: this symmetry knows no up-sampling inside an element.
        """
        raise FeatureTypeError(
            f"{self!r} knows no up-sampling inside an element, asked for with "
            f"{options or 'no options'}. Use SetNetwork or SetResNet, which keep the resolution."
        )

    def structure(self, given: Any) -> Structure:
        """Return side information as one object; a Structure comes back as it is.

        Networks call this once and give the object to every layer, so what it computes is shared by
        all layers. Override it where elements may differ in their side information, or where
        something is computed from it once. By default it is the same for all elements.

        Arguments:
            given: what users pass as ``structure=``.

        Raises:
            FeatureTypeError: side information is given, but not used.
        """
        if given is None or isinstance(given, NoStructure):
            return NO_STRUCTURE
        overridden = type(self).transform_structure is not ElementSymmetry.transform_structure
        move = self.transform_structure if overridden else None
        if self._overrides_former_methods() and not isinstance(given, Structure):
            return FormerStructure(self, self.prepare_structure(given), move)
        self._require_structured(given)
        return given if isinstance(given, Structure) else SharedStructure(given, move)

    def transform_structure(self, g: Tensor, structure: Any) -> Any:
        """Return side information, as users pass it, of elements that ``g`` has acted on."""
        return self.structure(structure).transform(g).given

    def conversions(self) -> Sequence[Conversion]:
        """Return the classes of modules that :func:`eqsets.set_aware` knows for this symmetry.

        By default ``torch.nn.Linear`` as a linear map of channels on the last axis, and the
        normalisations and activations of torch that have weights. A symmetry with linear maps of
        its own adds them: ``(Conversion("torch.nn.modules.conv.Conv2d", channel_axis=1),
        *super().conversions())``; the first that matches counts.
        """
        return STANDARD_CONVERSIONS

    def set_call(self, layout: Layout, rows: Tensor, structure: Any) -> SetCall:
        """Return what the layers of :func:`eqsets.set_aware` read of the sets of one call.

        Arguments:
            layout: which rows form a set.
            rows: ``(R, *element)``.
            structure: as given.
        """
        return SetCall(layout, self.structure(structure))

    def call_model(self, model: nn.Module, rows: Tensor, call: SetCall) -> Any:
        """Call a network of single elements, as its library calls it, and return rows.

        By default ``model(rows, *side)``, with the side information of the rows where there is any.

        Arguments:
            model: given to :func:`eqsets.set_aware`.
            rows: ``(R, *element)``.
            call: the sets and their side information.
        """
        return model(rows, *call.structure.rows(call.layout))

    # The defaults use this, solved once for each pair of types.

    @property
    def solved(self) -> Solved:
        """The maps, invariants and norms that follow from the group alone."""
        if "_solved" not in self.__dict__:
            self.__dict__["_solved"] = Solved(self.group)  # past the check of frozen dataclasses
        solved: Solved = self.__dict__["_solved"]
        return solved

    def action(self, feature_type: FeatureType) -> Action:
        """Return how the generators act on one channel of ``feature_type``."""
        return self.solved.action(feature_type)

    def basis(self, in_type: FeatureType, out_type: FeatureType) -> Basis:
        """Return all equivariant linear maps from one channel of each type to the other."""
        return self.solved.basis(in_type, out_type)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_solved"}

    def _require_structured(self, given: Any) -> None:
        if not self.structured:
            raise FeatureTypeError(
                f"{self!r} takes no side information, got structure of type "
                f"{type(given).__name__}. Leave structure=None."
            )

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
