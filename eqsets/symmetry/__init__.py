"""What a plugin provides: the symmetry of one element of a set."""

from __future__ import annotations

from eqsets.symmetry.conversion import Conversion, SetCall
from eqsets.symmetry.symmetry import ElementSymmetry

__all__ = ["Conversion", "ElementSymmetry", "SetCall"]
