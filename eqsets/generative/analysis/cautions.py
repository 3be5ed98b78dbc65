"""What a reader of the report must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from eqsets.families import Images
from eqsets.generative.analysis.claims import VISIBLE, Claim
from eqsets.generative.analysis.evidence import Evidence

__all__ = ["FEW", "cautions_of"]

FEW = 200
"""Fewer images than this are called little data."""

_BORDER = 0.5  # light of a pixel of the outermost frame, relative to the mean of all pixels
_POOR = 0.15  # share of the raw variance that prototypes keep over the orbit


def cautions_of(
    images: Tensor,
    held_out: int,
    claims: Sequence[Claim],
    evidence: Sequence[Evidence],
    orbit_share: float,
    skipped: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return warnings, most important first."""
    cautions = [*_data(images, held_out), *_symmetric(claims, evidence), *_wide(claims)]
    if orbit_share > _POOR:
        cautions.append(
            f"prototypes keep {orbit_share:.0%} of the variance of images that are transformed at "
            "random: inference is poor on these images, and claims rest on it. Try a longer "
            "preset, or a smaller family."
        )
    if skipped:
        cautions.append(
            f"{len(skipped)} files could not be read and were left out: {', '.join(skipped[:5])}"
            + (" ..." if len(skipped) > 5 else "")
        )
    return tuple(cautions)


def _data(images: Tensor, held_out: int) -> Iterator[str]:
    if len(images) < FEW:
        yield (
            f"too little data: {len(images)} images, {held_out} of them held out. Small spreads "
            f"are not seen, and intervals are wide; bring {FEW} or more."
        )
    light = Images().content(images)[:, 0]
    frame = torch.ones_like(light[0])
    frame[1:-1, 1:-1] = 0
    ratio = (light * frame).sum((-2, -1)) / frame.sum() / light.mean((-2, -1)).clamp_min(1e-6)
    touching = float((ratio > _BORDER).float().mean())
    if touching > 0.05:
        yield (
            f"content at the border in {touching:.0%} of the images: what is cut off moves the "
            "pose, and rotations, shifts and scales bring in what was not seen. Pad the images, or "
            'look for exact symmetries: family="d4".'
        )
    if float(images[..., [0, -1], :].median()) > 0:
        yield (
            "the background is bright, and poses are inferred from what is bright. Invert the "
            "images: 255 - x, or -x."
        )


def _symmetric(claims: Sequence[Claim], evidence: Sequence[Evidence]) -> Iterator[str]:
    for claim, one in zip(claims, evidence, strict=True):
        share = float((one.symmetry_order > 1).float().mean())
        if claim.verdict == "unresolved" and one.contrast < VISIBLE:
            yield (
                f"self-symmetric prototypes: {claim.name.replace('_', ' ')} changes the images "
                "too little to be seen, so that whether it occurs cannot be known, and does not "
                "matter."
            )
        elif share > 0.1:
            yield (
                f"self-symmetric prototypes: {share:.0%} look the same after a part of a turn. "
                "Their poses are known up to it only, and extents are counted within it."
            )


def _wide(claims: Sequence[Claim]) -> Iterator[str]:
    wide = [c.name.replace("_", " ") for c in claims if c.verdict == "full" and c.p_uniform is None]
    if wide:
        yield (
            f"{', '.join(wide)}: as wide as was searched. The true extent may be larger, and poses "
            "near the edge of the range are less certain."
        )
