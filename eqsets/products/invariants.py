"""Invariants of a product, and invariants written back into its features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.constants import Constants, on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.products.features import ProductFeatures, from_first, to_first
from eqsets.products.fixed import fixed_points
from eqsets.rows import InvariantPart
from eqsets.symmetry import ElementSymmetry

__all__ = ["ProductEmbedding", "ProductInvariant", "ProductPart", "product_invariant"]


class ProductInvariant(nn.Module):
    r"""The invariants of the features at each point, then the invariants of the points.

    .. math:: u(x) = u_1\big((u_2(x_p))_p\big)

    Invariants of the second that are not linear (norms) are features of the first only if it
    permutes points; if it mixes them, its fixed vectors are applied first: :math:`u_2(v^r x)`.

    Arguments:
        in_type: type of the input.
        inner: invariants of the second symmetry, on ``in_type.second``.
        outer: invariants of the first, on points with ``inner.features`` channels, or the fixed
            vectors of the first as a module that maps ``(E, P, ...)`` to ``(E, R, ...)``.
        features: number of invariants.
    """

    def __init__(
        self, in_type: ProductFeatures, inner: nn.Module, outer: nn.Module, features: int
    ) -> None:
        super().__init__()
        self.in_type, self.features = in_type, features
        self.inner, self.outer = inner, outer
        self._axis = in_type.first.channel_axis or 0

    def forward(self, x: Tensor, structure: tuple[Any, Any] | None = None) -> Tensor:
        """Map ``x: (E, *points, *element)`` to ``(E, features)``."""
        one, two = structure or (None, None)
        axes = len(self.in_type.points)
        if isinstance(self.outer, FixedPoints):
            pooled = self.outer(x.reshape(x.shape[0], -1, *x.shape[axes + 1 :]))
            rows = pooled.flatten(0, 1)
            read: Tensor = self.inner(rows) if two is None else self.inner(rows, two)
            return read.reshape(x.shape[0], -1)
        rows = x.flatten(0, axes)
        read = self.inner(rows) if two is None else self.inner(rows, two)
        read = read.reshape(*x.shape[: axes + 1], read.shape[-1]).movedim(-1, self._axis)
        u: Tensor = self.outer(read) if one is None else self.outer(read, one)
        return u

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class FixedPoints(nn.Module):
    """Take the combinations of points that are invariant under the first group.

    Arguments:
        fixed: ``(R, *points)`` float64.
    """

    def __init__(self, fixed: Tensor) -> None:
        super().__init__()
        self.count, self.points = fixed.shape[0], fixed[0].numel()
        self.constants = Constants(fixed=fixed.reshape(self.count, -1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, P, *element)`` to ``(E, R, *element)``."""
        y = self.constants.get("fixed", x) @ x.flatten(2)
        return y.reshape(x.shape[0], self.count, *x.shape[2:])

    def back(self, y: Tensor) -> Tensor:
        """Map ``y: (E, R, *element)`` to ``(E, P, *element)``."""
        x = self.constants.get("fixed", y).mT @ y.flatten(2)
        return x.reshape(y.shape[0], self.points, *y.shape[2:])


class ProductEmbedding(nn.Module):
    r"""Write invariants into features: :math:`y = \sum_r v^r \otimes E_r(u)`.

    With all fixed vectors :math:`v^r` of the first, and all maps :math:`E_r` of the second, these
    are all linear maps.

    Arguments:
        out_type: type of the output.
        fixed: ``(R, *points)`` float64, the fixed vectors of the first, or ``(R, 1, ...)`` where
            they are constant.
        inner: an embedding of the second symmetry for each of them.

    Raises:
        FeatureTypeError: the first group fixes no vector.
    """

    def __init__(self, out_type: ProductFeatures, fixed: Tensor, inner: list[nn.Module]) -> None:
        super().__init__()
        if not inner:
            raise FeatureTypeError(
                f"{out_type!r} has no vector that is invariant under the first group, so "
                "invariants cannot be written into it. Use alignment='shared', or a trivial "
                "first type."
            )
        self.out_type = out_type
        self._points = tuple(fixed.shape[1:])
        self.inner = nn.ModuleList(inner)
        flat = fixed.reshape(fixed.shape[0], -1)
        constant = flat.shape == (1, 1) and bool(flat[0, 0] == 1)
        self.fixed = None if constant else FixedPoints(fixed)

    def forward(
        self, invariants: Tensor, structure: tuple[Any, Any] | None = None, *, like: Tensor
    ) -> Tensor:
        """Map ``(E, features)`` to features that broadcast against ``like: (E, *layout)``."""
        side = () if structure is None or structure[1] is None else (structure[1],)
        rows = like.flatten(0, len(self.out_type.points))
        written = torch.stack([one(invariants, *side, like=rows) for one in self.inner], 1)
        if self.fixed is not None:
            written = self.fixed.back(written)
        return written.reshape(written.shape[0], *self._points, *written.shape[2:])

    def extra_repr(self) -> str:
        return f"{self.out_type}"


class ProductPart(InvariantPart):
    r"""The projections of both factors, one after the other: :math:`P = P_1 \otimes P_2`.

    Arguments:
        out_type: type of the features.
        first: the projection on the points.
        second: the projection on the features at a point.
    """

    def __init__(
        self, out_type: ProductFeatures, first: InvariantPart, second: InvariantPart
    ) -> None:
        super().__init__()
        self.out_type, self.first, self.second = out_type, first, second

    def read(self, x: Tensor, *side: Any) -> Tensor:
        one, two = (side[0] if side else None) or (None, None)
        axes, tail = len(self.out_type.points), len(self.out_type.second.layout)
        rows = x.flatten(0, axes)
        part = self.second(rows) if two is None else self.second(rows, two)
        part = part.reshape(*x.shape[: axes + 1], *part.shape[1:])
        flat = to_first(part, self.out_type.first, tail)
        points = flat.flatten(0, 1)
        shared = self.first(points) if one is None else self.first(points, one)
        shared = shared.reshape(*flat.shape[:2], *shared.shape[1:])
        return from_first(shared, self.out_type.first, part, tail)


def product_invariant(
    first: ElementSymmetry, second: ElementSymmetry, in_type: ProductFeatures
) -> ProductInvariant:
    """Return the invariants of the points, over the invariants of the element at each.

    Raises:
        FeatureTypeError: a factor has none.
    """
    inner = second.invariant(in_type.second)
    count = inner.features
    if not isinstance(count, int):
        raise FeatureTypeError(
            f"the invariants of {second!r} have features={count!r}, expected their number. Set the "
            "attribute features on the module that invariant() returns."
        )
    if not in_type.first.pointwise and not _has_linear_invariants(second, in_type.second):
        if not first.action(in_type.first).is_orthogonal:
            raise FeatureTypeError(
                f"invariants of {in_type!r} are not linear in its second factor, and the first "
                "changes lengths, expected one that preserves them. Read invariants of the second "
                "factor alone, or take an orthogonal first one."
            )
        fixed = FixedPoints(fixed_points(first, in_type.first))
        return ProductInvariant(in_type, inner, fixed, count * fixed.count)
    outer = first.invariant(in_type.first.with_channels(count))
    return ProductInvariant(in_type, inner, outer, int(outer.features))  # type: ignore[arg-type]


def _has_linear_invariants(symmetry: ElementSymmetry, in_type: FeatureType) -> bool:
    """Return whether invariants are linear, by trying: not all modules have ``linear``."""
    with on_cpu():
        read = symmetry.invariant(in_type).double()
        x, y = in_type.sample(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        together: Tensor = read((x + y)[None])
        separately: Tensor = read(x[None]) + read(y[None])
        return torch.allclose(together, separately)
