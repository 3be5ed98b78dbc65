r"""Direct sums of feature types: features of several types side by side in one vector.

The parts keep their own types, so that layers, invariants and norms are those of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import torch
from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.features.feature_type import FeatureType, TypeOwner
from eqsets.groups import Group

__all__ = ["DirectSum", "parts_of"]


@dataclass(frozen=True, repr=False)
class DirectSum(FeatureType):
    r"""Features of several types in one vector, :math:`x = x_1 \oplus x_2 \oplus \dots`.

    .. math:: g \cdot x = (g \cdot x_1) \oplus (g \cdot x_2) \oplus \dots

    Elements are ``(dim,)``: the parts, each flattened, one after the other. There is no channel
    axis, since parts differ in their representations.

    Arguments:
        parts: at least two types of fixed layout, under one group.
        maker: the symmetry that made the type; does not count for equality.

    Attributes:
        sizes: number of components of each part.

    Raises:
        FeatureTypeError: there are fewer parts, or one has a free size.

    Example:
        >>> from eqsets import GeneratedSymmetry
        >>> ring = GeneratedSymmetry(permutations=[[1, 2, 0]])
        >>> kind = ring.feature_type("2 points + 1 trivial")
        >>> kind.layout
        (7,)
        >>> kind.transform(torch.tensor([1, 2, 0]), torch.arange(7.0))
        tensor([4., 5., 0., 1., 2., 3., 6.])
    """

    parts: tuple[FeatureType, ...]
    maker: TypeOwner | None = field(default=None, compare=False)
    sizes: tuple[int, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise FeatureTypeError(
                f"DirectSum got the parts {self.parts!r}, expected at least two. Use the type "
                "itself where there is one."
            )
        for part in self.parts:
            if not all(isinstance(size, int) for size in part.layout):
                raise FeatureTypeError(
                    f"DirectSum got {part!r} of layout {part.describe()}, expected fixed sizes: "
                    "parts lie one after the other in one vector. Fix the sizes."
                )
        layouts = [[size for size in part.layout if isinstance(size, int)] for part in self.parts]
        object.__setattr__(self, "sizes", tuple(map(prod, layouts)))

    @property
    def group(self) -> Group | None:  # type: ignore[override]
        return next((part.group for part in self.parts if part.group is not None), None)

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (sum(self.sizes),)

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return all(part.pointwise for part in self.parts)

    @property
    def dual(self) -> DirectSum:
        """The sum of the dual types, where all parts have one."""
        return replace(self, parts=tuple(part.dual for part in self.parts))

    def __rmul__(self, channels: int) -> FeatureType:
        """Return so many copies of each part."""
        return replace(self, parts=tuple(channels * part for part in self.parts))

    def split(self, x: Tensor) -> list[Tensor]:
        """Return the parts of ``x: (*batch, dim)``, each ``(*batch, *part)``."""
        pieces = x.split(list(self.sizes), -1)
        return [
            piece.reshape(*x.shape[:-1], *part.layout)
            for piece, part in zip(pieces, self.parts, strict=True)
        ]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Undo :meth:`split`; batches broadcast."""
        flat = [
            x.flatten(x.dim() - len(part.layout)) for x, part in zip(parts, self.parts, strict=True)
        ]
        batch = torch.broadcast_shapes(*(x.shape[:-1] for x in flat))
        return torch.cat([x.expand(*batch, x.shape[-1]) for x in flat], -1)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        moved = zip(self.parts, self.split(x), strict=True)
        return self.join([part.transform(g, piece) for part, piece in moved])

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return self.join([p.sample(*batch, generator=generator, dtype=dtype) for p in self.parts])

    @property
    def owner(self) -> TypeOwner | None:
        return self.maker

    def __str__(self) -> str:
        return " + ".join(str(part.spec) for part in self.parts)

    def __repr__(self) -> str:
        if self.maker is not None:
            return f"{self.maker!r}.feature_type('{self}')"
        return f"DirectSum({self.parts!r})"


def parts_of(feature_type: FeatureType) -> tuple[FeatureType, ...]:
    """Return the parts of a direct sum, or the type itself."""
    return feature_type.parts if isinstance(feature_type, DirectSum) else (feature_type,)
