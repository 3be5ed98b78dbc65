"""How a module was made: what :func:`eqsets.to_dict` writes down, kept by the module itself.

Objects, not text: turning them into plain data is done when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eqsets.symmetry import ElementSymmetry

__all__ = ["Recipe"]


@dataclass(frozen=True, eq=False)
class Recipe:
    """The call that makes a module again: ``kind(symmetry, **types, **arguments, **options)``.

    Attributes:
        kind: name of the class or function in eqsets.
        symmetry: of an element.
        types: arguments that are feature types, or lists of them.
        arguments: the others: numbers, text, aggregations.
        options: what goes on to the symmetry's own modules, such as ``kernel_size``.
    """

    kind: str
    symmetry: ElementSymmetry
    types: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
