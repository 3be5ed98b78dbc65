"""Element symmetries from generators alone, and the ready-made ones."""

from eqsets.generated.features import PermutationFeatures
from eqsets.generated.matrix_features import MatrixFeatures
from eqsets.generated.ready_made import cyclic, dihedral, grid_rotations, symmetric, trivial
from eqsets.generated.symmetry import GeneratedSymmetry

__all__ = [
    "GeneratedSymmetry",
    "MatrixFeatures",
    "PermutationFeatures",
    "cyclic",
    "dihedral",
    "grid_rotations",
    "symmetric",
    "trivial",
]
