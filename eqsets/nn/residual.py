"""A block with a path around it: deep networks start as the identity and stay trainable."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError, OptionError
from eqsets.features import FeatureType, require_same_type
from eqsets.layout import as_rows
from eqsets.modules import register_module
from eqsets.sets import SetBatch

__all__ = ["Residual"]


@register_module("Residual", container=True)
class Residual(nn.Module):
    r"""Add the output of a block to its input: :math:`y = S x + \alpha f(x)`.

    Sums of equivariant maps are equivariant, so a residual block has the symmetry of its parts.

    References:
        Identity Mappings in Deep Residual Networks, He, Zhang, Ren, Sun, ECCV 2016,
        https://arxiv.org/abs/1603.05027. A scale that starts at zero: ReZero is All You Need,
        Bachlechner et al., UAI 2021, https://arxiv.org/abs/2003.04887.

    Arguments:
        block: the set module :math:`f`; it keeps the set.
        shortcut: the set module :math:`S`, where the types of the block differ; else the identity.
        scale: initial value of a learned number :math:`\alpha`; ``None`` for no such number. With
            0 the module starts as :math:`S`, and every weight of the block learns from the second
            step on.

    Raises:
        FeatureTypeError: the types of the block differ from each other and there is no shortcut,
            those of block and shortcut differ, or one of them reduces the set.
        OptionError: ``scale`` is no number.

    Example:
        >>> from eqsets import DSS, nn
        >>> block = nn.SetSequential(nn.nonlinearity("trivial", 8), DSS("trivial", 8, 8))
        >>> nn.Residual(block, scale=0.0)(torch.ones(2, 5, 8)).mean()
        tensor(1., grad_fn=<MeanBackward0>)
    """

    keeps_set = True

    def __init__(
        self, block: nn.Module, shortcut: nn.Module | None = None, *, scale: float | None = None
    ) -> None:
        super().__init__()
        for part in (block, shortcut):
            if not getattr(part, "keeps_set", True):
                raise FeatureTypeError(
                    f"Residual got {type(part).__name__}, which reduces the set, expected modules "
                    "that keep it: both outputs are added. Reduce the set afterwards."
                )
        self.in_type: FeatureType | None = getattr(block, "in_type", None)
        self.out_type: FeatureType | None = getattr(block, "out_type", None)
        if shortcut is None and self.in_type is not None and self.out_type is not None:
            where = "Residual without a shortcut, whose block ends with another type,"
            require_same_type(self.in_type, self.out_type, where)
        for side in ("in_type", "out_type") if shortcut is not None else ():
            given, expected = getattr(shortcut, side, None), getattr(self, side)
            if given is not None and expected is not None:
                require_same_type(given, expected, f"the {side} of the shortcut of Residual")
        if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int | float)):
            raise OptionError(
                f"Residual got scale={scale!r}, expected a number or None: the initial value of a "
                "learned factor of the block. Write scale=0.0 to start as the identity."
            )
        self.block, self.shortcut, self.initial_scale = block, shortcut, scale
        self.scale = None if scale is None else nn.Parameter(torch.tensor(float(scale)))

    @property
    def construction(self) -> Construction:
        """How it is constructed: from the modules that it holds now."""
        modules = (self.block,) if self.shortcut is None else (self.block, self.shortcut)
        return Construction(Residual, arguments={"scale": self.initial_scale}, modules=modules)

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, *element)`` or a SetBatch; padded positions of the output are zero.

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, or a set is empty.
        """
        layout, _ = as_rows(x, mask, self.in_type, "Residual")
        y = self.block(x, mask, structure=structure)
        if self.shortcut is not None:
            x = self.shortcut(x, mask, structure=structure)
        elif layout.folded is not None:
            x = layout.folded  # absent elements are zero
        total: Tensor | SetBatch = x + (y if self.scale is None else y * self.scale)
        return total

    def extra_repr(self) -> str:
        return "" if self.in_type is None else f"{self.in_type} -> {self.out_type}"
