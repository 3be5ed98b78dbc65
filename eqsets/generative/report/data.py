"""The report as data: claims, cautions, curves, images. Pages and terminals render it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.curves import Curve, Dependence
from eqsets.generative.analysis.recommend import Recommendation

__all__ = ["ReportData", "ReportImages"]


@dataclass(frozen=True, eq=False)
class ReportImages:
    """Some images, one row each: ``(rows, C, H, W)``, resamples ``(rows, n, C, H, W)``."""

    images: Tensor
    prototypes: Tensor
    resamples: Tensor


@dataclass(frozen=True, eq=False)
class ReportData:
    """Which transformations are symmetries of images, and how far.

    Attributes:
        facts: the data, the family, the preset, the seed, times and versions.
        claims: one for each component of ``eta``.
        dependence: of the components that are not absent, given the prototype.
        cautions: what to know before believing the claims.
        recommendation: which element group to use.
        curves: the learned distributions.
        images: images, prototypes and resamples.
    """

    facts: Mapping[str, Any]
    claims: tuple[Claim, ...]
    dependence: tuple[Dependence, ...]
    cautions: tuple[str, ...]
    recommendation: Recommendation
    curves: tuple[Curve, ...]
    images: ReportImages = field(repr=False)

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
        """Return everything but the images, as plain values."""
        return {
            "format": "eqsets.SymmetryReport 2",
            "facts": dict(self.facts),
            "sentence": self.sentence,
            "claims": [asdict(claim) for claim in self.claims],
            "dependence": [asdict(one) for one in self.dependence],
            "cautions": list(self.cautions),
            "recommendation": asdict(self.recommendation),
            "curves": [asdict(curve) for curve in self.curves],
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
