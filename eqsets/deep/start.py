"""The start of a residual block: its last layer is the zero map, and learns from the first step."""

from __future__ import annotations

import torch
from torch import nn

from eqsets.dss import DSS

__all__ = ["set_to_zero"]

_CONTEXT = ("aggregate", "invariant", "offset")  # an offset is zero, invariants are mapped


def set_to_zero(layer: DSS) -> bool:
    """Set the maps of a layer to zero if they then learn; return whether this is so.

    A map whose weights are multiplied with each other, such as a perceptron, has no gradient where
    all of them are zero. So weights are set to zero only in modules that hold all weights
    themselves, and in those with a method ``set_to_zero()``, which do it in their own way.
    """
    named = () if layer.context is None else layer.context.named_parameters()
    known = all(name.partition(".")[0] in _CONTEXT for name, _ in named)
    maps = [part for part in (layer.siamese, layer.aggregate) if part is not None]
    if not known or not all(map(_can, maps)):
        return False
    with torch.no_grad():
        for part in maps:
            own = getattr(part, "set_to_zero", None)
            if own is not None:
                own()
                continue
            for weight in part.parameters():
                weight.zero_()
    return True


def _can(part: nn.Module) -> bool:
    direct = len(list(part.parameters(recurse=False))) == len(list(part.parameters()))
    return direct or hasattr(part, "set_to_zero")
