"""Groups: elements as tensors, ready-made groups, products, and groups given by generators."""

import warnings
from typing import Any

from eqsets.groups.classical import lorentz_group, su2_group, symplectic_group
from eqsets.groups.finite import CyclicGroup, SymmetricGroup, TrivialGroup
from eqsets.groups.generated import FiniteGroup
from eqsets.groups.group import Group
from eqsets.groups.matrix import MatrixGroup, OrthogonalGroup
from eqsets.groups.product import (
    Automorphism,
    Inversion,
    ProductGroup,
    SemidirectProduct,
    dihedral_group,
)
from eqsets.groups.wreath import CopyPermutation, wreath_product

__all__ = [
    "Automorphism",
    "CopyPermutation",
    "CyclicGroup",
    "FiniteGroup",
    "Group",
    "Inversion",
    "MatrixGroup",
    "OrthogonalGroup",
    "ProductGroup",
    "SemidirectProduct",
    "SymmetricGroup",
    "TrivialGroup",
    "dihedral_group",
    "lorentz_group",
    "su2_group",
    "symplectic_group",
    "wreath_product",
]


def __getattr__(name: str) -> Any:
    if name == "Places":
        warnings.warn(
            "eqsets.groups.Places is deprecated: it is now CopyPermutation.",
            DeprecationWarning,
            stacklevel=2,
        )
        return CopyPermutation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
