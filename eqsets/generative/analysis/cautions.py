"""What a reader of the report must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from eqsets.families import Domain, Images
from eqsets.generative.analysis.claims import VISIBLE, Claim
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.units import quantity

__all__ = ["FEW", "cautions_of"]

FEW = 200
"""Fewer elements than this are called little data."""

_POOR = 0.15  # share of the raw variance that prototypes keep over the orbit


def cautions_of(
    images: Tensor,
    held_out: int,
    claims: Sequence[Claim],
    evidence: Sequence[Evidence],
    orbit_share: float,
    skipped: Sequence[str] = (),
    domain: Domain | None = None,
) -> tuple[str, ...]:
    """Return warnings, most important first."""
    domain = domain or Images()
    cautions = [*_data(images, held_out, domain), *_symmetric(claims, evidence), *_wide(claims)]
    if orbit_share > _POOR:
        cautions.append(
            f"prototypes keep {orbit_share:.0%} of the variance of {domain.noun} that are "
            f"transformed at random: inference is poor on these {domain.noun}, and claims rest on "
            "it. Try a longer preset, or a smaller family."
        )
    if skipped:
        cautions.append(
            f"{len(skipped)} files could not be read and were left out: {', '.join(skipped[:5])}"
            + (" ..." if len(skipped) > 5 else "")
        )
    return tuple(cautions)


def _data(x: Tensor, held_out: int, domain: Domain) -> Iterator[str]:
    if len(x) < FEW:
        yield (
            f"too little data: {len(x)} {domain.noun}, {held_out} of them held out. Small spreads "
            f"are not seen, and intervals are wide; bring {FEW} or more."
        )
    blank = int(domain.blank(x).sum())
    if blank:
        yield f"{blank} {domain.noun} are constant: they say nothing, and widen all claims."
    yield from domain.cautions(x)


def _symmetric(claims: Sequence[Claim], evidence: Sequence[Evidence]) -> Iterator[str]:
    for claim, one in zip(claims, evidence, strict=True):
        share = float((one.symmetry_order > 1).float().mean())
        if claim.verdict == "unresolved" and one.contrast < VISIBLE:
            yield (
                f"self-symmetric prototypes: {claim.name.replace('_', ' ')} changes the "
                f"{one.noun} too little to be seen, so that whether it occurs cannot be known, and "
                "does not matter."
            )
        elif share > 0.1:
            yield (
                f"self-symmetric prototypes: {share:.0%} look the same after a part of a turn. "
                "That is a symmetry of each object, not of the data: their poses are known up to "
                "it only, and extents are counted within it."
            )
        if claim.discrete is not None and claim.discrete.symmetric_objects:
            angle = quantity(claim.discrete.step, claim.unit)
            yield (
                f"symmetric objects: most images are the same after {claim.name.replace('_', ' ')} "
                f"by {angle}, each by itself. Whether the data have this symmetry cannot be known "
                "from them, and does not matter."
            )


def _wide(claims: Sequence[Claim]) -> Iterator[str]:
    wide = [c.name.replace("_", " ") for c in claims if c.verdict == "full" and c.p_uniform is None]
    if wide:
        yield (
            f"{', '.join(wide)}: as wide as was searched. The true extent may be larger, and poses "
            "near the edge of the range are less certain."
        )
