"""The old path of :mod:`eqsets_permutations.subgraphs.policies`; it goes in the next version."""

from __future__ import annotations

import warnings
from typing import Any

from eqsets_permutations.subgraphs import policies

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    if name not in policies.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"eqsets_permutations.policies is deprecated: import {name} from eqsets_permutations",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(policies, name)
