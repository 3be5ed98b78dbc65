"""All laws, in the order of the tests: laws that others depend on come first.

A new family is a file with ``LAWS``, a letter in ``FAMILIES`` and a line in the sum below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from eqsets.testing.law import Law
from eqsets.testing.laws.deployment import (
    compiled,
    copies,
    described,
    distributed,
    functional,
    onnx,
)
from eqsets.testing.laws.families import geometry, tensors, transformations
from eqsets.testing.laws.layouts import layouts, many, padding, parts, structures
from eqsets.testing.laws.numbers import (
    attention,
    gradients,
    halves,
    numerics,
    options,
    training,
    validity,
)
from eqsets.testing.laws.symmetry import actions, completeness, groups, rows, sets

__all__ = ["FAMILIES", "LAWS"]

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "G": "Groups",
        "A": "Actions",
        "L": "Layers",
        "O": "Options",
        "C": "Completeness",
        "V": "Validity",
        "S": "Sets",
        "W": "Weights of attention",
        "N": "Numerics",
        "D": "Deployment",
        "T": "Transformations",
    }
)
"""What the letter in an id stands for."""


def _position(law: Law) -> tuple[int, str]:
    return list(FAMILIES).index(law.id[2]), law.id


LAWS: tuple[Law, ...] = tuple(
    sorted(
        (
            *groups.LAWS,
            *actions.LAWS,
            *rows.LAWS,
            *sets.LAWS,
            *completeness.LAWS,
            *validity.LAWS,
            *gradients.LAWS,
            *training.LAWS,
            *many.LAWS,
            *layouts.LAWS,
            *padding.LAWS,
            *attention.LAWS,
            *structures.LAWS,
            *parts.LAWS,
            *numerics.LAWS,
            *halves.LAWS,
            *copies.LAWS,
            *compiled.LAWS,
            *onnx.LAWS,
            *functional.LAWS,
            *options.LAWS,
            *distributed.LAWS,
            *described.LAWS,
            *transformations.LAWS,
            *tensors.LAWS,
            *geometry.LAWS,
        ),
        key=_position,
    )
)
"""Every law of the contract."""
