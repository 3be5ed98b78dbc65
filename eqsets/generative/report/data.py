"""The report as data: claims, cautions, curves, images. Pages and terminals render it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import log
from typing import Any

from torch import Tensor

from eqsets.families import Domain, Images
from eqsets.families.domains.recommend import Recommendation
from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.curves import Curve, Dependence
from eqsets.generative.analysis.discrete import Discrete
from eqsets.generative.analysis.units import shown_per_unit, unit_of

__all__ = ["ReportData", "ReportImages"]


@dataclass(frozen=True, eq=False)
class ReportImages:
    """Some elements, one row each: ``(rows, *element)``, resamples ``(rows, n, *element)``."""

    images: Tensor
    prototypes: Tensor
    resamples: Tensor
    domain: Domain = field(default_factory=Images)


@dataclass(frozen=True, eq=False)
class ReportData:
    """Which transformations are symmetries of data, and how far.

    Attributes:
        facts: the data, the family, the preset, the seed, times and versions.
        claims: one for each component of ``eta``.
        dependence: of the components that are not absent, given the prototype.
        cautions: what to know before believing the claims.
        recommendation: which element group to use.
        curves: the learned distributions.
        images: images, prototypes and resamples.
        answer: the answer to a question about sets, in words; nothing if none was asked.
    """

    facts: Mapping[str, Any]
    claims: tuple[Claim, ...]
    dependence: tuple[Dependence, ...]
    cautions: tuple[str, ...]
    recommendation: Recommendation
    curves: tuple[Curve, ...]
    images: ReportImages = field(repr=False)
    answer: str = field(default="", kw_only=True)

    def __getitem__(self, name: str) -> Claim:
        """Return the claim about one component.

        Raises:
            KeyError: there is none of this name.
        """
        return {claim.name: claim for claim in self.claims}[name]

    @property
    def pictures(self) -> ReportImages:
        """The old name of ``images``."""
        warnings.warn(
            "SymmetryReport.pictures is deprecated: it is now images.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.images

    @property
    def sentence(self) -> str:
        """All claims in one line."""
        return "; ".join(claim.sentence for claim in self.claims)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the images, as plain values.

        Angles are in degrees, as in the sentences and on the page; each claim and each curve names
        its unit. Entropies and densities are those of the distribution over numbers in that unit.
        """
        claims = {claim.name: claim for claim in self.claims}
        return {
            "format": "eqsets.SymmetryReport 4",
            "facts": dict(self.facts),
            "answer": self.answer,
            "sentence": self.sentence,
            "claims": [_claim(claim) for claim in self.claims],
            "dependence": [asdict(one) for one in self.dependence],
            "cautions": list(self.cautions),
            "recommendation": asdict(self.recommendation),
            "curves": [_curve(curve, claims[curve.name]) for curve in self.curves],
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)


def _claim(claim: Claim) -> dict[str, Any]:
    """Return a claim with its numbers in the unit in which they are shown."""
    factor = 1.0 if claim.levels else shown_per_unit(claim.unit)  # levels are counted
    return {
        **asdict(claim),
        "unit": unit_of(claim.unit),
        "extent": claim.extent * factor,
        "interval": [end * factor for end in claim.interval],
        "searched": claim.searched * factor,
        "floor": claim.floor * factor,
        "entropy": claim.entropy + log(factor),
        "discrete": None if claim.discrete is None else _discrete(claim.discrete, factor),
    }


def _discrete(one: Discrete, factor: float) -> dict[str, Any]:
    return {
        **asdict(one),
        "step": one.step * factor,
        "within": one.within * factor,
        "within_interval": [end * factor for end in one.within_interval],
    }


def _curve(curve: Curve, claim: Claim) -> dict[str, Any]:
    factor = 1.0 if claim.levels else shown_per_unit(claim.unit)
    return {
        **asdict(curve),
        "unit": unit_of(claim.unit),
        "positions": [position * factor for position in curve.positions],
        "heights": [height / factor for height in curve.heights],
    }
