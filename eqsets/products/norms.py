"""Norms of a product: the second factor's at each point, or one of the whole element."""

from __future__ import annotations

from torch import Tensor, nn

from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.products.features import ProductFeatures
from eqsets.rows import ElementNorm
from eqsets.symmetry import ElementSymmetry

__all__ = ["EachPointNorm", "product_norm"]


class EachPointNorm(nn.Module):
    """Apply a norm of elements at each point; its statistics are over all points."""

    def __init__(self, module: nn.Module, axes: int) -> None:
        super().__init__()
        self.module, self.axes = module, axes

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, *points, *element)``; ``present: (E,)`` as for any norm."""
        rows = x.flatten(0, self.axes)
        if present is not None:
            shape = (*present.shape, *[1] * self.axes)
            present = present.reshape(shape).expand(x.shape[: self.axes + 1]).reshape(-1)
        y: Tensor = self.module(rows, present)
        return y.reshape(x.shape)


def product_norm(
    first: ElementSymmetry, second: ElementSymmetry, in_type: ProductFeatures, kind: str
) -> nn.Module:
    """Return the norm ``kind`` of the second factor at each point, or one of the whole element.

    Raises:
        FeatureTypeError: the second has no such norm, or a factor changes lengths.
    """
    if in_type.first.pointwise:
        module = second.norm(in_type.second, kind)
        if in_type.pointwise and isinstance(module, ElementNorm):  # no norm of its own:
            return ElementNorm(in_type)  # then points keep their proportions, too
        return EachPointNorm(module, len(in_type.points))
    isometric = _is_isometric(first, in_type.first) and _is_isometric(second, in_type.second)
    if kind == "element" and isometric:
        return ElementNorm(in_type)
    raise FeatureTypeError(
        f"norm {kind!r} is not equivariant on {in_type!r}: where the first factor mixes points, "
        "only 'element' is, and only if both factors preserve lengths. Choose that or none."
    )


def _is_isometric(symmetry: ElementSymmetry, in_type: FeatureType) -> bool:
    return in_type.pointwise or symmetry.action(in_type).is_orthogonal
