"""Side information of elements, such as edges or positions, as one object."""

from __future__ import annotations

from eqsets.structure.structure import NO_STRUCTURE, NoStructure, SharedStructure, Structure

__all__ = ["NO_STRUCTURE", "NoStructure", "SharedStructure", "Structure"]
