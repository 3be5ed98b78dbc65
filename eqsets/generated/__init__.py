"""Element symmetries from generators alone, and the ready-made ones."""

from eqsets.generated.features import PermutationFeatures
from eqsets.generated.matrix_features import MatrixFeatures
from eqsets.generated.ready_made import cyclic, dihedral, grid_rotations, symmetric, trivial
from eqsets.generated.symmetry import GeneratedSymmetry
from eqsets.generated.tensor_features import TensorFeatures

__all__ = [
    "GeneratedSymmetry",
    "MatrixFeatures",
    "PermutationFeatures",
    "TensorFeatures",
    "cyclic",
    "dihedral",
    "grid_rotations",
    "symmetric",
    "trivial",
]
