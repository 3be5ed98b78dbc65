"""Products of element groups: one symmetry acts on points, another on the element at each."""

from eqsets.products.features import ProductFeatures
from eqsets.products.invariants import ProductEmbedding, ProductInvariant
from eqsets.products.linear import ProductLinear
from eqsets.products.norms import EachPointNorm
from eqsets.products.rows import EachPoint, SharedDropout
from eqsets.products.symmetry import Product

__all__ = [
    "EachPoint",
    "EachPointNorm",
    "Product",
    "ProductEmbedding",
    "ProductFeatures",
    "ProductInvariant",
    "ProductLinear",
    "SharedDropout",
]
