"""How a module was constructed: what :func:`eqsets.to_dict` writes, held by the module itself.

Objects, not text: they become plain data when a description is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from eqsets.symmetry import ElementSymmetry

__all__ = ["Construction"]


@dataclass(frozen=True, eq=False)
class Construction:
    """The call ``build(symmetry, *modules, **types, **arguments, **options)`` that makes a module.

    A module holds it as its attribute ``construction``. With
    :func:`~eqsets.register_module` on the class, the module can be described, saved and loaded.

    Arguments:
        build: the registered class, or the registered function.
        symmetry: of an element; ``None`` where the call takes none.
        types: arguments that are feature types, or lists of them.
        arguments: the others: numbers, text, aggregations, modules.
        options: arguments of the layers of the symmetry, such as ``kernel_size``.
        modules: modules given by position, for containers.

    Example:
        >>> from eqsets import DSS
        >>> DSS("trivial", 2, 3).construction.types["out_features"]
        InvariantFeatures(count=3)
    """

    build: Callable[..., nn.Module]
    symmetry: ElementSymmetry | None = None
    types: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    modules: Sequence[nn.Module] = ()
