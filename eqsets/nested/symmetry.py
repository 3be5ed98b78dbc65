"""Sets of sets: elements that are sets themselves, of members with a symmetry of their own.

Requirements that shaped this module:

- the layer for a set of members exists: it is DSS, so that is the linear layer of a set as element;
- alignment is asked for twice, inside an element (here) and between elements (at the outer layer),
  and each may be shared or independent;
- one module takes elements of any number of members, unless a number is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from eqsets.aggregation import Aggregation
from eqsets.aggregation.centered import Centered
from eqsets.dss import ALIGNMENTS, DSS
from eqsets.errors import FeatureTypeError, choices
from eqsets.features import FeatureType
from eqsets.groups import Group, ProductGroup, SymmetricGroup, wreath_product
from eqsets.nested.features import SAMPLED, MemberFeatures
from eqsets.nested.layers import MemberEmbedding, MemberInvariant, MemberLinear, MemberPart
from eqsets.nested.structure import MemberStructure
from eqsets.products import EachPoint, EachPointNorm, SharedDropout
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve_element_group
from eqsets.structure import NoStructure, Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["Sets"]


class Sets(ElementSymmetry):
    r"""Elements that are sets of members, for sets of sets: the layer inside is DSS again.

    With shared alignment one ``h`` moves all members (:math:`S_m \times H`), with independent
    alignment each has its own (:math:`S_m \wr H`); how the elements are aligned with each other is
    said to the layer outside.

    Arguments:
        inner: symmetry of a member, or its name.
        size: number of members of each element, or ``None``: any number, the same within a batch.
        alignment: of the members of an element: ``"shared"`` or ``"independent"``.
        aggregation: over the members of an element.
        context: options of the second map inside an element, see :class:`~eqsets.DSS`.

    Raises:
        FeatureTypeError: an argument is out of range.

    Example:
        Series of bursts of photos:

        >>> import torch
        >>> from eqsets import DSS, Sets
        >>> series = Sets("translations", size=4)
        >>> layer = DSS(series, 3, 8, kernel_size=3)
        >>> layer(torch.randn(2, 5, 4, 3, 16, 16)).shape
        torch.Size([2, 5, 4, 8, 16, 16])
    """

    def __init__(
        self,
        inner: str | ElementSymmetry,
        size: int | None = None,
        *,
        alignment: str = "shared",
        aggregation: str | Aggregation = "centered",
        context: Mapping[str, Any] | None = None,
    ) -> None:
        if alignment not in ALIGNMENTS:
            raise FeatureTypeError(
                f"Sets got alignment={alignment!r}: {choices(alignment, ALIGNMENTS)}"
            )
        whole = isinstance(size, int) and not isinstance(size, bool) and size >= 1
        if size is not None and not whole:
            raise FeatureTypeError(
                f"Sets got size={size!r}, expected a whole number of at least 1, or None for any. "
                "Write for example size=4."
            )
        self.inner, self.size, self.alignment = resolve_element_group(inner), size, alignment
        self.aggregation = resolve_aggregation(aggregation)
        if context is not None and not isinstance(context, Mapping):
            raise FeatureTypeError(
                f"Sets got context={context!r}, expected a dict of options of the inner layer, or "
                "None. Write for example context={'kernel_size': 1}."
            )
        self.context = None if context is None else dict(context)

    @property
    def parts(self) -> tuple[ElementSymmetry, ...]:
        return (self.inner,)

    @property
    def group(self) -> Group:
        return self._group(self.inner.group)

    def _group(self, inner: Group) -> Group:
        size = self.size or SAMPLED
        if self.alignment == "independent":
            return wreath_product(inner, size)
        return ProductGroup(SymmetricGroup(size), inner)

    @property
    def structured(self) -> bool:  # type: ignore[override]
        return self.inner.structured

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        return self.inner.tolerance

    def feature_type(self, spec: Any) -> MemberFeatures:
        """Return the type of elements whose members have the type that ``spec`` names.

        Raises:
            FeatureTypeError: the inner symmetry does not understand it.
        """
        given = [spec.member, spec] if isinstance(spec, MemberFeatures) else [spec]
        for kind in given:
            try:
                own = self._type(self.inner.feature_type(kind))
            except FeatureTypeError:
                if not isinstance(kind, FeatureType):
                    raise  # the inner symmetry says best what it understands
                continue
            if own == spec or kind is spec:
                return own
        raise FeatureTypeError(
            f"{self!r} got {spec!r}, expected a type of its own or of its members. Make types "
            "with symmetry.feature_type(...)."
        )

    def _type(self, member: FeatureType) -> MemberFeatures:
        group = self._group(member.group or self.inner.group)
        return MemberFeatures(member, self.size, self.alignment, group, self)

    def layer_types(
        self, in_type: FeatureType, out_type: FeatureType, **options: Any
    ) -> tuple[FeatureType, FeatureType]:
        source, target = self.feature_type(in_type), self.feature_type(out_type)
        members = self.inner.layer_types(source.member, target.member, **options)
        return self._type(members[0]), self._type(members[1])

    def linear(
        self, in_type: FeatureType, out_type: FeatureType, *, bias: bool = True, **options: Any
    ) -> nn.Module:
        """Return the DSS layer of the members; options are those of the inner linear layer."""
        source, target = self.feature_type(in_type), self.feature_type(out_type)
        return MemberLinear(
            DSS(
                self.inner,
                source.member,
                target.member,
                aggregation=self.aggregation,
                alignment=self.alignment,
                bias=bias,
                context=self.context,
                **options,
            )
        )

    def invariant(self, in_type: FeatureType) -> nn.Module:
        """Return the mean over the members of each one's invariants."""
        return MemberInvariant(self.inner.invariant(self.feature_type(in_type).member))

    def maximum(self, in_type: FeatureType) -> nn.Module:
        """Return the maximum over the members of the maxima of each."""
        own = self.feature_type(in_type)
        return MemberInvariant(self.inner.maximum(own.member), maximum=True)

    def embed(self, features: int, out_type: FeatureType) -> nn.Module:
        return MemberEmbedding(self.inner.embed(features, self.feature_type(out_type).member))

    def invariant_part(self, out_type: FeatureType) -> MemberPart | None:
        """Return the mean over the members of the invariant part of each."""
        inner = self.inner.invariant_part(self.feature_type(out_type).member)
        return None if inner is None else MemberPart(inner)

    def norm(self, in_type: FeatureType, kind: str = "element") -> nn.Module:
        """Return the norm of each member by itself; ``"batch"`` sees all members."""
        return EachPointNorm(self.inner.norm(self.feature_type(in_type).member, kind), 1)

    def nonlinearity(self, in_type: FeatureType, name: str = "relu") -> nn.Module:
        own = self.feature_type(in_type)
        return EachPoint(self.inner.nonlinearity(own.member, name), 1, own, own)

    def dropout(self, in_type: FeatureType, p: float) -> nn.Module:
        """Return a dropout that is the same for all members of an element."""
        return SharedDropout(self.inner.dropout(self.feature_type(in_type).member, p), 1)

    def pool(self, in_type: FeatureType, **options: Any) -> nn.Module:
        """Return the pooling inside each member."""
        own = self.feature_type(in_type)
        module = self.inner.pool(own.member, **options)
        source, target = (getattr(module, side, own.member) for side in ("in_type", "out_type"))
        return EachPoint(module, 1, self._type(source), self._type(target))

    def structure(self, given: Any) -> Structure:
        """Return side information, one for all members of all elements."""
        if given is None or isinstance(given, NoStructure | MemberStructure) or not self.structured:
            return super().structure(given)
        return MemberStructure(self.inner.structure(given), self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sets) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[object, ...]:
        return (self.inner, self.size, self.alignment, self.aggregation, repr(self.context))

    def __repr__(self) -> str:
        size = "" if self.size is None else f", size={self.size}"
        aligned = "" if self.alignment == "shared" else f", alignment={self.alignment!r}"
        summed = "" if self.aggregation == Centered() else f", aggregation={self.aggregation!r}"
        second = "" if self.context is None else f", context={self.context!r}"
        return f"Sets({self.inner!r}{size}{aligned}{summed}{second})"
