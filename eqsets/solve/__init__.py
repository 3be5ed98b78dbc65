"""The solver: all linear maps that commute with a group, from how its generators act."""

from eqsets.solve.action import Action, action_of
from eqsets.solve.basis import Basis, basis_between
from eqsets.solve.linear import EquivariantLinear
from eqsets.solve.orbits import pair_orbits, point_orbits
from eqsets.solve.readout import InvariantEmbedding, InvariantReadout

__all__ = [
    "Action",
    "Basis",
    "EquivariantLinear",
    "InvariantEmbedding",
    "InvariantReadout",
    "action_of",
    "basis_between",
    "pair_orbits",
    "point_orbits",
]
