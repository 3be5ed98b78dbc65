"""Any network, made equivariant or invariant around its forward pass."""

from eqsets.symmetrize.network import Symmetrized, symmetrize
from eqsets.symmetrize.poses import Poses

__all__ = ["Poses", "Symmetrized", "symmetrize"]
