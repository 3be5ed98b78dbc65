"""The report of :func:`discover`: claims about symmetries, with their tests."""

from eqsets.generative.report.claims import Claim
from eqsets.generative.report.curves import Curve, Dependence
from eqsets.generative.report.discover import discover
from eqsets.generative.report.recommend import Recommendation, recommend
from eqsets.generative.report.record import Pictures, SymmetryReport

__all__ = [
    "Claim",
    "Curve",
    "Dependence",
    "Pictures",
    "Recommendation",
    "SymmetryReport",
    "discover",
    "recommend",
]
