"""Sets of sets: elements that are sets of members with a symmetry of their own."""

from eqsets.nested.features import MemberFeatures
from eqsets.nested.symmetry import Sets

__all__ = ["MemberFeatures", "Sets"]
