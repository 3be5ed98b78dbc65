"""Five methods on side information that :meth:`ElementSymmetry.structure` replaces.

For symmetries of plugins written for eqsets 0.1, which override them: their side information is
adapted to a :class:`~eqsets.structure.Structure`. To be removed, as one file, after version 0.2.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.layout import Layout
from eqsets.structure.structure import Structure

__all__ = ["FormerStructure", "FormerStructureMethods"]

_NAMES = (
    "check_structure",
    "prepare_structure",
    "row_structure",
    "set_structure",
    "readout_layout",
)


class FormerStructureMethods:
    """The methods of version 0.1, deprecated: calls go to ``structure``, overrides to adapters."""

    structured: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = [name for name in _NAMES if name in vars(cls)]
        if own:
            warnings.warn(
                f"{cls.__name__} overrides {', '.join(own)}, which eqsets 0.2 replaces by one "
                "method, structure(given), that returns an eqsets.structure.Structure. Override "
                "that instead.",
                DeprecationWarning,
                stacklevel=3,
            )

    @abstractmethod
    def structure(self, given: Any) -> Structure:
        """Return side information as one object; the symmetry defines it."""

    @classmethod
    def _overrides_former_methods(cls) -> bool:
        return any(getattr(cls, name) is not _BASE[name] for name in _NAMES)

    def check_structure(self, structure: Any) -> None:
        """Deprecated. Raise an error where side information is given but not used."""
        if structure is not None and not self.structured:
            raise FeatureTypeError(
                f"{self!r} takes no side information, got structure of type "
                f"{type(structure).__name__}. Leave structure=None."
            )

    def prepare_structure(self, structure: Any) -> Any:
        """Deprecated. Return side information in the form that the other methods work on."""
        if self._overrides_former_methods():
            self.check_structure(structure)
            return structure
        _warn("prepare_structure")
        return None if structure is None else self.structure(structure)

    def row_structure(self, structure: Any, layout: Layout) -> Any:
        """Deprecated. Return the side information of the rows."""
        if self._overrides_former_methods():
            return structure
        _warn("row_structure")
        return next(iter(self.structure(structure).rows(layout)), None)

    def set_structure(self, structure: Any, layout: Layout) -> Any:
        """Deprecated. Return the side information of one element a set."""
        if self._overrides_former_methods():
            return structure
        _warn("set_structure")
        return next(iter(self.structure(structure).sets(layout)), None)

    def readout_layout(self, structure: Any, layout: Layout) -> Layout:
        """Deprecated. Return the layout of invariants."""
        if self._overrides_former_methods():
            return layout
        _warn("readout_layout")
        return self.structure(structure).readout_layout(layout)


_BASE = {name: vars(FormerStructureMethods)[name] for name in _NAMES}


def _warn(name: str) -> None:
    warnings.warn(
        f"{name} is replaced by structure(given), whose result has rows, sets and readout_layout. "
        "Call that instead.",
        DeprecationWarning,
        stacklevel=3,
    )


class FormerStructure(Structure):
    """Side information of a symmetry that overrides the methods of version 0.1.

    Arguments:
        symmetry: overrides them.
        prepared: what its ``prepare_structure`` returned.
        move: returns ``prepared`` moved by a group element; ``None`` where nothing moves it.
    """

    def __init__(
        self,
        symmetry: FormerStructureMethods,
        prepared: Any,
        move: Callable[[Tensor, Any], Any] | None,
    ) -> None:
        self.symmetry, self.prepared, self.move = symmetry, prepared, move

    @property
    def given(self) -> Any:
        return self.prepared

    def rows(self, layout: Layout) -> tuple[Any, ...]:
        return (self.symmetry.row_structure(self.prepared, layout),)

    def sets(self, layout: Layout) -> tuple[Any, ...]:
        return (self.symmetry.set_structure(self.prepared, layout),)

    def readout_layout(self, layout: Layout) -> Layout:
        return self.symmetry.readout_layout(self.prepared, layout)

    def transform(self, g: Tensor) -> FormerStructure:
        moved = self.prepared if self.move is None else self.move(g, self.prepared)
        return FormerStructure(self.symmetry, moved, self.move)
