"""Check symmetries, layers and models against the laws of the contract: Python, pytest or a shell.

Importing this needs neither pytest nor hypothesis; trying a law needs hypothesis.
"""

import warnings
from typing import Any

from eqsets.testing import strategies
from eqsets.testing.checks import check, iter_checks
from eqsets.testing.law import Law
from eqsets.testing.laws import LAWS
from eqsets.testing.parametrize import parametrize_with_checks
from eqsets.testing.report import Report, Result
from eqsets.testing.spec import (
    Capabilities,
    CollatedCase,
    ContractSpec,
    Layer,
    PartCase,
    SetCase,
)

__all__ = [
    "LAWS",
    "Capabilities",
    "CollatedCase",
    "ContractSpec",
    "Law",
    "Layer",
    "PartCase",
    "Report",
    "Result",
    "SetCase",
    "check",
    "iter_checks",
    "parametrize_with_checks",
    "strategies",
]


def __getattr__(name: str) -> Any:
    if name == "Subject":
        warnings.warn(
            "eqsets.testing.Subject is called ContractSpec; the old name goes in the next version",
            DeprecationWarning,
            stacklevel=2,
        )
        return ContractSpec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
