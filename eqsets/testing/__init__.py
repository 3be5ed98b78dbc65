"""Hold symmetries, layers and models to the laws of the contract, from Python, pytest or a shell.

Importing this needs neither pytest nor hypothesis; trying a law needs hypothesis.
"""

from eqsets.testing import strategies
from eqsets.testing.checks import check, iter_checks
from eqsets.testing.law import Law
from eqsets.testing.laws import LAWS
from eqsets.testing.parametrize import parametrize_with_checks
from eqsets.testing.record import Capabilities, Layer, SetCase, Subject
from eqsets.testing.report import Report, Result

__all__ = [
    "LAWS",
    "Capabilities",
    "Law",
    "Layer",
    "Report",
    "Result",
    "SetCase",
    "Subject",
    "check",
    "iter_checks",
    "parametrize_with_checks",
    "strategies",
]
