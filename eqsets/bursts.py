"""The old name of :mod:`eqsets.set_inference`; it goes away in the version after the next."""

from __future__ import annotations

import warnings
from typing import Any

import eqsets.set_inference as renamed

__all__ = ["SetInference", "average_element"]  # noqa: F822  (looked up by __getattr__)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'eqsets.bursts' has no attribute {name!r}")
    warnings.warn(
        f"eqsets.bursts.{name} is deprecated: it is now eqsets.set_inference.{name}.",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(renamed, name)
