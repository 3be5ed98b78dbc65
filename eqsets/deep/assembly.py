"""How the parts of a U-Net are run: down to coarse elements, up again, with connections across."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError, OptionError, ShapeError
from eqsets.features import FeatureType
from eqsets.modules import register_module
from eqsets.nn import Upsample
from eqsets.sets import SetBatch

__all__ = ["UNet"]


@register_module("UNet", container=True)
class UNet(nn.Module):
    r"""Run a U-Net: :math:`x_{k+1} = d_k(x_k)` down, :math:`y_k = j_k[u_k(y_{k+1}), x_k]` up.

    Arguments:
        parts: set modules by position: the first, one for each step down, the bottom, one for each
            step up, one for each join, from coarse to fine, and the last. A join takes the output
            of the step up and the features of the same level side by side.

    Raises:
        OptionError: the number of parts is not 3 more than a multiple of 3.

    Example:
        >>> import torch
        >>> from eqsets import DSS, element_group
        >>> images = element_group("translations", stride=2)
        >>> unet = UNet(
        ...     DSS(images, 3, 4),
        ...     DSS(images, 4, "8 /2"),
        ...     DSS(images, "8 /2", "8 /2"),
        ...     DSS(images, "8 /2", 4, kernel_size=4),
        ...     DSS(images, 8, 4),
        ...     DSS(images, 4, 3),
        ... )
        >>> unet(torch.randn(1, 2, 3, 8, 8)).shape
        torch.Size([1, 2, 3, 8, 8])
    """

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        levels, rest = divmod(len(parts) - 3, 3)
        if rest or levels < 1:
            raise OptionError(
                f"UNet got {len(parts)} parts, expected 3 + 3 for each level: the first, the steps "
                "down, the bottom, the steps up, the joins, and the last."
            )
        self.first, self.last = parts[0], parts[-1]
        self.down = nn.ModuleList(parts[1 : 1 + levels])
        self.bottom = parts[1 + levels]
        self.up = nn.ModuleList(parts[2 + levels : 2 + 2 * levels])
        self.join = nn.ModuleList(parts[2 + 2 * levels : -1])
        self.in_type: FeatureType | None = getattr(self.first, "in_type", None)
        self.out_type: FeatureType | None = getattr(self.last, "out_type", None)
        self.keeps_set: bool = getattr(self.last, "keeps_set", True)

    @property
    def construction(self) -> Construction:
        """How it is constructed: from the modules that it holds now."""
        parts = (self.first, *self.down, self.bottom, *self.up, *self.join, self.last)
        return Construction(UNet, modules=parts)

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, *element)`` or a SetBatch.

        Raises:
            ShapeError: elements of a level that come up have another size than those that went
                down.
        """
        y = self.first(x, mask, structure=structure)
        across = []
        for down in self.down:
            across.append(y)
            y = down(y, mask, structure=structure)
        y = self.bottom(y, mask, structure=structure)
        for up, join in zip(self.up, self.join, strict=True):
            same, kind = across.pop(), _type_of(join)
            size = {"size": _grid(same, kind)} if isinstance(up, Upsample) else {}
            y = up(y, mask, structure=structure, **size)
            y = join(_concatenated(y, same, kind), mask, structure=structure)
        z: Tensor | SetBatch = self.last(y, mask, structure=structure)
        return z


def _type_of(join: nn.Module) -> FeatureType:
    kind = getattr(join, "in_type", None)
    if not isinstance(kind, FeatureType):
        raise FeatureTypeError(
            f"the join {type(join).__name__} of a U-Net declares no in_type, expected a set module "
            "with types, such as DSS or SetSequential."
        )
    return kind


def _values(x: Tensor | SetBatch) -> Tensor:
    return x.values if isinstance(x, SetBatch) else x


def _grid(x: Tensor | SetBatch, kind: FeatureType) -> tuple[int, ...]:
    """Return the sizes of an element along the free axes of its type."""
    sizes, layout = _values(x).shape, kind.layout
    lead = len(sizes) - len(layout)
    return tuple(sizes[lead + k] for k, axis in enumerate(layout) if isinstance(axis, str))


def _concatenated(
    y: Tensor | SetBatch, same: Tensor | SetBatch, kind: FeatureType
) -> Tensor | SetBatch:
    """Return the features of two modules side by side."""
    if _grid(y, kind) != _grid(same, kind):
        raise ShapeError(
            f"a U-Net got elements that have the grid {_grid(same, kind)} on the way down and "
            f"{_grid(y, kind)} on the way up, expected multiples of its total stride. Pad or crop "
            "the elements."
        )
    joined = kind.concatenate([_values(y), _values(same)])
    return y.replace(joined) if isinstance(y, SetBatch) else joined
