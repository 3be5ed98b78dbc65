"""Networks of escnn as networks of sets: how ``eqsets.set_aware`` calls their convolutions.

escnn is not imported: its objects are asked for what they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from eqsets.symmetry import Conversion, SetCall
from eqsets.symmetry.conversion import class_names

__all__ = ["FieldConversion", "call_escnn_network"]

_EQUIVARIANT = "escnn.nn.modules.equivariant_module.EquivariantModule"


class FieldConversion(Conversion):
    """Modules that map a ``GeometricTensor`` ``(R, C, H, W)`` of escnn to another."""

    def reads_rows(self, call: SetCall, x: Any) -> bool:
        return super().reads_rows(call, getattr(x, "tensor", None))

    def reduce(
        self, module: nn.Module, call: SetCall, x: Any, arguments: tuple[Any, ...], options: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (_like(x, call.layout.mean(x.tensor)), *arguments), options

    def add(self, call: SetCall, y: Any, context: Any) -> Any:
        return y + _like(context, call.layout.spread(context.tensor))

    def invariant_part(self, module: nn.Module, call: SetCall, x: Any, *, output: bool) -> Any:
        mean = x.tensor.mean((2, 3), keepdim=True)
        parts, start = [], 0
        for field in x.type.representations:
            part = mean[:, start : start + field.size]
            start += field.size
            change = torch.as_tensor(field.change_of_basis).to(part)
            trivial = field.group.trivial_representation.id
            fixed, row = torch.zeros(field.size), 0
            for irrep in field.irreps:
                size = field.group.irrep(*irrep).size
                fixed[row : row + size] = float(irrep == trivial)
                row += size
            project = change @ fixed.to(part).diag() @ torch.linalg.inv(change)
            parts.append(torch.einsum("ab,nbhw->nahw", project, part))
        return _like(x, torch.cat(parts, 1).expand_as(x.tensor))


def call_escnn_network(model: nn.Module, rows: Any) -> Any:
    """Call a network with rows, as a ``GeometricTensor`` if it is a module of escnn."""
    inner: Any = getattr(model, "local", model)
    x = inner.in_type(rows) if _EQUIVARIANT in class_names(inner) else rows
    y = model(x)
    return getattr(y, "tensor", y)


def _like(x: Any, values: torch.Tensor) -> Any:
    return type(x)(values, x.type)


CONVERSIONS = (
    FieldConversion(
        "escnn.nn.modules.conv.r2convolution.R2Conv",
        "escnn.nn.modules.conv.r2_transposed_convolution.R2ConvTransposed",
    ),
    Conversion(_EQUIVARIANT, linear=False),
)
"""The convolutions of escnn; its other modules act on each element separately."""
