"""Claims about objects whose background does not move with them: withheld, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eqsets.generative.analysis.claims import Claim

__all__ = ["cautions_of_background", "withheld"]

_MOVES = ("shift", "rotation", "scale", "shear", "reflection")


def withheld(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return claims of which nothing is said about what moves pixels.

    Poses that are inferred from the background, or from pixels that come in at the border, are no
    poses of objects.
    """
    return tuple(_refused(one) if one.role in _MOVES else one for one in claims)


def _refused(claim: Claim) -> Claim:
    name = claim.name.replace("_", " ")
    return replace(
        claim,
        verdict="unresolved",
        sentence=f"{name}: cannot be resolved, the background does not move with the object",
        discrete=None,
    )


def cautions_of_background(background: str, share: float) -> tuple[str, ...]:
    """Return what to know of a background: of a :class:`~eqsets.generative.data.Foreground`.

    Args:
        background: ``"none"``, ``"subtracted"`` or ``"mixed"``.
        share: part of the images with clutter at the border.
    """
    if background == "none":
        return ()
    begin = (
        "the background does not move with the object: content reaches the border in "
        f"{share:.0%} of the images"
    )
    if background == "subtracted":
        return (
            f"{begin}. What is brighter than the border was compared, and the rest subtracted: "
            "claims are about bright objects, and the model takes such images.",
        )
    return (
        f"{begin}, as bright as the rest. So nothing is claimed about transformations that move "
        "pixels. Cut the objects out, with a dark margin, or search exact symmetries of whole "
        'images: family="d4".',
    )
