"""Apply a module to every element of a set by itself, and what is built on that."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError, OptionError
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.layout import as_rows
from eqsets.modules import register_module
from eqsets.registry import element_group as resolve
from eqsets.rows import part_arguments
from eqsets.sets import SetBatch
from eqsets.structure import NO_STRUCTURE
from eqsets.symmetry import ElementSymmetry

__all__ = ["Elementwise", "bilinear", "dropout", "invariant", "nonlinearity", "norm", "pool"]


class Elementwise(nn.Module):
    r"""Apply one module to each element: :math:`y_i = f(x_i)`, equivariant to reordering the set.

    Any torch module on ``(E, *element)`` will do. Whether it is equivariant to the element group
    is a matter of the module: declare its types, and hold it to the contract.

    Arguments:
        module: maps rows ``(E, *in)`` to rows ``(E, *out)``.
        in_type: type of an element of the input, or ``None`` to take any.
        out_type: type of an element of the output, or ``None`` for undeclared.
        needs_present: give the module ``present``, ``(E,)`` bool or None, as second argument: for
            modules in which rows meet (batch normalisation).
        symmetry: where it takes side information, give that to the module as second argument.
        construction: how it is constructed, for :func:`eqsets.to_dict`.

    Example:
        >>> import torch
        >>> Elementwise(nn.Conv2d(3, 8, 3))(torch.randn(2, 5, 3, 16, 16)).shape
        torch.Size([2, 5, 8, 14, 14])
    """

    keeps_set = True

    def __init__(
        self,
        module: nn.Module,
        in_type: FeatureType | None = None,
        out_type: FeatureType | None = None,
        *,
        needs_present: bool = False,
        symmetry: ElementSymmetry | None = None,
        construction: Construction | None = None,
    ) -> None:
        super().__init__()
        self.module = module
        self.in_type, self.out_type = in_type, out_type
        self.needs_present = needs_present
        self.symmetry = symmetry
        self.construction = construction

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, *element)`` or a SetBatch element by element.

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, or a set is empty.
        """
        layout, rows = as_rows(x, mask, self.in_type, "Elementwise")
        parts = part_arguments(self.module, layout.parts)
        if self.needs_present:
            return layout.restore(self.module(rows, layout.present, **parts))
        side = NO_STRUCTURE if self.symmetry is None else self.symmetry.structure(structure)
        arguments = () if self.symmetry is None else side.rows(layout)
        y = self.module(rows, *arguments, **parts)
        whole = self.out_type is not None and not self.out_type.has_parts
        if isinstance(self.out_type, InvariantFeatures) or (layout.parts is not None and whole):
            layout = side.readout_layout(layout)
        return layout.restore(y)

    def extra_repr(self) -> str:
        return "" if self.in_type is None else f"{self.in_type} -> {self.out_type}"


@register_module("norm", returns=Elementwise)
def norm(element_group: str | ElementSymmetry, features: Any, kind: str = "element") -> Elementwise:
    """Return a set module that normalises, ``kind`` ``"element"`` or ``"batch"``.

    Neither depends on the size of the set, and padding reaches neither.

    Raises:
        FeatureTypeError: the type allows no such norm.
    """
    symmetry = resolve(element_group)
    feature_type = symmetry.feature_type(features)
    construction = Construction(norm, symmetry, {"features": feature_type}, {"kind": kind})
    return Elementwise(
        symmetry.norm(feature_type, kind),
        feature_type,
        feature_type,
        needs_present=True,
        construction=construction,
    )


@register_module("nonlinearity", returns=Elementwise)
def nonlinearity(
    element_group: str | ElementSymmetry, features: Any, name: str = "relu"
) -> Elementwise:
    """Return a set module with the nonlinearity that the type allows: componentwise, or a gate.

    Raises:
        FeatureTypeError: the name is unknown.
    """
    symmetry = resolve(element_group)
    feature_type = symmetry.feature_type(features)
    construction = Construction(nonlinearity, symmetry, {"features": feature_type}, {"name": name})
    return Elementwise(
        symmetry.nonlinearity(feature_type, name),
        feature_type,
        feature_type,
        construction=construction,
    )


@register_module("bilinear", returns=Elementwise)
def bilinear(
    element_group: str | ElementSymmetry, in_features: Any, out_features: Any, channels: int = 8
) -> Elementwise:
    """Return a set module of products of the features of each element with themselves.

    With it, networks on vectors and tensors approximate functions that linear maps and gates do
    not: see :class:`~eqsets.solve.bilinear.EquivariantBilinear` for the equation.

    Raises:
        FeatureTypeError: no product of two features is in the output.
        OptionError: ``channels`` is no positive whole number.

    Example:
        >>> import torch
        >>> from eqsets import representations
        >>> from eqsets.groups import OrthogonalGroup
        >>> V = representations.defining(OrthogonalGroup(3, special=True))
        >>> cross = bilinear(V.owner, 2 * V, 1 * V)
        >>> cross(torch.randn(4, 5, 3, 2)).shape
        torch.Size([4, 5, 3, 1])
    """
    if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
        raise OptionError(
            f"bilinear got channels={channels!r}, expected a whole number of at least 1: the "
            "number of products for each pair of parts of the input."
        )
    symmetry = resolve(element_group)
    in_type, out_type = map(symmetry.feature_type, (in_features, out_features))
    construction = Construction(
        bilinear,
        symmetry,
        {"in_features": in_type, "out_features": out_type},
        {"channels": channels},
    )
    return Elementwise(
        symmetry.bilinear(in_type, out_type, channels=channels),
        in_type,
        out_type,
        construction=construction,
    )


@register_module("dropout", returns=Elementwise)
def dropout(element_group: str | ElementSymmetry, features: Any, p: float = 0.1) -> Elementwise:
    """Return a set module that drops whole channels of elements while training.

    Raises:
        FeatureTypeError: ``p`` is no probability below 1.
    """
    symmetry = resolve(element_group)
    feature_type = symmetry.feature_type(features)
    construction = Construction(dropout, symmetry, {"features": feature_type}, {"p": p})
    return Elementwise(
        symmetry.dropout(feature_type, p), feature_type, feature_type, construction=construction
    )


@register_module("pool", returns=Elementwise)
def pool(element_group: str | ElementSymmetry, features: Any, **options: Any) -> Elementwise:
    """Return a set module that makes each element smaller, as the symmetry offers it.

    Raises:
        FeatureTypeError: the symmetry knows no pooling inside an element.
    """
    symmetry = resolve(element_group)
    in_type = symmetry.feature_type(features)
    module = symmetry.pool(in_type, **options)
    out_type = getattr(module, "out_type", in_type)
    if not isinstance(out_type, FeatureType):
        raise FeatureTypeError(
            f"the pooling of {symmetry!r} declares no out_type, got {out_type!r}."
        )
    construction = Construction(pool, symmetry, {"features": in_type}, {}, options)
    return Elementwise(
        module, in_type, out_type, symmetry=_side(symmetry), construction=construction
    )


@register_module("invariant", returns=Elementwise)
def invariant(element_group: str | ElementSymmetry, features: Any) -> Elementwise:
    """Return a set module that reads the invariants of each element, ``(B, N, features)``.

    What follows may be any network on plain sets: DeepSets, attention, a scoring head.

    Raises:
        FeatureTypeError: the type has no invariant.
    """
    symmetry = resolve(element_group)
    in_type = symmetry.feature_type(features)
    module = symmetry.invariant(in_type)
    out_type = InvariantFeatures(module.features)  # type: ignore[arg-type]
    construction = Construction(invariant, symmetry, {"features": in_type})
    return Elementwise(
        module, in_type, out_type, symmetry=_side(symmetry), construction=construction
    )


def _side(symmetry: ElementSymmetry) -> ElementSymmetry | None:
    return symmetry if symmetry.structured else None
