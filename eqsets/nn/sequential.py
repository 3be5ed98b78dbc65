"""Chain set modules, and refuse at construction what does not fit."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType, require_same_type
from eqsets.modules import register_module
from eqsets.sets import SetBatch

__all__ = ["SetSequential"]


@register_module("SetSequential", container=True)
class SetSequential(nn.Module):
    """Apply set modules one after the other, with the mask and the structure going to each.

    Neighbouring feature types must agree; modules that declare none (``Elementwise`` around a
    module of yours) fit anywhere. A module that reduces the set can only be the last.

    Raises:
        FeatureTypeError: there is no module, neighbours disagree (both types are named), or a
            module follows one that has reduced the set.

    Example:
        >>> import torch
        >>> from eqsets import DSS, nn
        >>> net = SetSequential(
        ...     DSS("trivial", 3, 8), nn.nonlinearity("trivial", 8), nn.Readout("trivial", 8, 1)
        ... )
        >>> net(torch.randn(2, 5, 3)).shape
        torch.Size([2, 1])
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        if not modules:
            raise FeatureTypeError("SetSequential got no module, expected at least one.")
        current: FeatureType | None = None
        for position, module in enumerate(modules):
            if position and not getattr(modules[position - 1], "keeps_set", True):
                raise FeatureTypeError(
                    f"module {position} of SetSequential, {type(module).__name__}, follows "
                    f"{type(modules[position - 1]).__name__}, which has reduced the set: expected "
                    "the reducing module to be the last. Apply the rest to its output."
                )
            needed = getattr(module, "in_type", None)
            if current is not None and needed is not None:
                where = f"module {position} of SetSequential, {type(module).__name__},"
                require_same_type(current, needed, where)
            current = getattr(module, "out_type", None)
        self.layers = nn.ModuleList(modules)
        self.in_type: FeatureType | None = getattr(modules[0], "in_type", None)
        self.out_type: FeatureType | None = getattr(modules[-1], "out_type", None)
        self.keeps_set: bool = getattr(modules[-1], "keeps_set", True)

    @property
    def construction(self) -> Construction:
        """How it is constructed: from the modules that it holds now."""
        return Construction(SetSequential, modules=tuple(self.layers))

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, *element)`` or a SetBatch through all modules."""
        for layer in self.layers:
            x = layer(x, mask, structure=structure)
            if mask is not None and mask.dim() == 3:
                out_type = getattr(layer, "out_type", None)
                if out_type is not None and not out_type.has_parts:
                    mask = mask.any(-1)  # one row for each element from here on
        return x
