"""Families of transformations: parameters with a meaning, a group, an action on images."""

from eqsets.families.family import ProductFamily, TransformationFamily
from eqsets.families.parameter import Parameter

__all__ = ["Parameter", "ProductFamily", "TransformationFamily"]
