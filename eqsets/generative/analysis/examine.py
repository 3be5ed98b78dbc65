"""Examine the poses that an inference assigns to images: evidence and claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from eqsets.generative.analysis.claims import Claim, claims_of
from eqsets.generative.analysis.component import components_of
from eqsets.generative.analysis.evidence import Evidence, gather
from eqsets.generative.analysis.joint.mirror import MIRROR, gather_mirror
from eqsets.generative.analysis.joint.one_parameter import shear_of, with_shear
from eqsets.generative.analysis.poses import Poses, poses_of
from eqsets.generative.canonicalization.inference import Inference

__all__ = ["Examination", "examine"]

_REFERENCES, _QUERIES, _REPEATS = 1000, 256, 6


class Examination(NamedTuple):
    """The result: claims, the evidence for them, and the poses of held-out images."""

    claims: tuple[Claim, ...]
    evidence: tuple[Evidence, ...]
    queries: Poses


def examine(
    inference: Inference,
    known: Tensor,
    held_out: Tensor,
    *,
    seed: int = 0,
    reflections: bool = False,
    tell: Callable[[str], object] = lambda name: None,
) -> Examination:
    """Return claims about each component of the chart, and about reflections if asked for.

    Args:
        inference: of prototypes and poses; it has not learned from ``held_out``.
        known: images to compare with, ``(n, C, H, W)``; up to 1,000 are used.
        held_out: images that the claims are tested on; up to 256 are used.
        seed: of all random numbers.
        reflections: whether mirror images are examined, in addition to the chart.
        tell: is called with the name of each component before it is examined.
    """
    generator = torch.Generator().manual_seed(seed)
    inference.eval()
    chosen = torch.randperm(len(known), generator=generator)[:_REFERENCES]
    asked = held_out[:_QUERIES]
    references = poses_of(inference, known[chosen], generator=generator)
    queries = poses_of(inference, asked, generator=generator)
    repeats = [poses_of(inference, asked, generator=generator) for _ in range(_REPEATS)]
    evidence = []
    components = components_of(inference, references.views)
    for component in components:
        tell(component.parameter.name)
        evidence.append(gather(component, references, queries, repeats))
    if reflections:
        tell(MIRROR.name)
        evidence.append(gather_mirror(components, references, queries, repeats))
    shear = shear_of(inference, references, queries, repeats[0], seed)
    claims = with_shear(claims_of(evidence, generator=generator), shear)
    return Examination(claims, tuple(evidence), queries)
