"""Products of element groups: one symmetry moves the points, another what stands at each."""

from eqsets.products.features import ProductFeatures
from eqsets.products.linear import ProductLinear
from eqsets.products.rows import (
    EachPoint,
    EachPointNorm,
    ProductEmbedding,
    ProductInvariant,
    SharedDropout,
)
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
