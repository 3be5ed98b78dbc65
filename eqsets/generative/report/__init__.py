"""The report of :func:`discover`: claims about symmetries, with their tests."""

from eqsets.families.domains.recommend import Recommendation, recommend
from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.curves import Curve, Dependence
from eqsets.generative.report.data import ReportImages
from eqsets.generative.report.discover import discover
from eqsets.generative.report.report import SymmetryReport

__all__ = [
    "Claim",
    "Curve",
    "Dependence",
    "Recommendation",
    "ReportImages",
    "SymmetryReport",
    "discover",
    "recommend",
]
