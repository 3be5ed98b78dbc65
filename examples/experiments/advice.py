"""The layer that a report of `discover` recommends."""

from __future__ import annotations

from typing import Any

import eqsets

__all__ = ["error_of_advice"]


def error_of_advice(code: str) -> float:
    """Return the equivariance error of the recommended layer, in float64."""
    scope: dict[str, Any] = {}
    exec(code, scope)  # the lines to paste define `layer`
    layer = scope["layer"].double()
    return eqsets.equivariance_error(layer, layer.in_type, layer.out_type).max
