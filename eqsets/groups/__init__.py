"""Groups: elements as tensors, ready-made groups, products, and groups given by generators."""

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
from eqsets.groups.wreath import Places, wreath_product

__all__ = [
    "Automorphism",
    "CyclicGroup",
    "FiniteGroup",
    "Group",
    "Inversion",
    "MatrixGroup",
    "OrthogonalGroup",
    "Places",
    "ProductGroup",
    "SemidirectProduct",
    "SymmetricGroup",
    "TrivialGroup",
    "dihedral_group",
    "wreath_product",
]
