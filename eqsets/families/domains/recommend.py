"""From claims to the element group of a DSS network, for images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Finding", "Recommendation", "recommend"]


class Finding(Protocol):
    """What a recommendation reads of a claim: :class:`eqsets.generative.Claim` has it."""

    @property
    def name(self) -> str:
        """Of the component."""

    @property
    def role(self) -> str | None:
        """Of the component, one of :data:`eqsets.families.ROLES`."""

    @property
    def verdict(self) -> str:
        """``"absent"``, ``"partial"``, ``"full"`` or ``"unresolved"``."""

    @property
    def sentence(self) -> str:
        """The verdict in words."""

    @property
    def levels(self) -> int | None:
        """How many values a discrete component has."""

    @property
    def p_uniform(self) -> float | None:
        """Of H0 "uniform"; ``None`` on lines."""


@dataclass(frozen=True)
class Recommendation:
    """Which element group to use.

    Attributes:
        group: the name of the plugin, ``"translations"``, ``"planar"`` or ``"trivial"``.
        install: what installs it.
        code: lines that can be pasted: they build ``layer``.
        reasons: why, and what not.
        options: of the group: ``eqsets.element_group(group, **options)`` is the one in the code.
    """

    group: str
    install: str
    code: str
    reasons: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def recommend(claims: Sequence[Finding], channels: int) -> Recommendation:
    """Return the composition that fits the claims."""
    reasons: list[str] = []
    rotations = _full(claims, "rotation")
    mirrors = bool(_full(claims, "reflection"))
    options: dict[str, Any] = {}
    if rotations:
        options["rotations"] = rotations[0].levels or 8
        measured = rotations[0].sentence
        reasons.append(f"{measured}: layers that know rotations need not learn them.")
        if rotations[0].levels is None:
            reasons.append(
                "eight rotations: exact for quarter turns, nearly so in between; "
                "rotations=None knows all angles and is slower."
            )
        if mirrors:
            options["reflections"] = True
            reasons.append("reflections occur as often as not: reflections=True.")
        group, width = "planar", "8 regular"
        install = 'pip install "eqsets[planar]" && pip install --no-deps escnn==1.0.11'
        reasons.append("planar layers are convolutions: they know shifts as well.")
    else:
        group, width = "translations", "16"
        install = 'pip install "eqsets[translations]"'
        shifts = [claim for claim in claims if claim.role == "shift"]
        if any(claim.verdict in ("partial", "full") for claim in shifts):
            reasons.append("shifts occur: convolutions know them.")
        else:
            reasons.append(
                "no transformation of the whole image occurs that a layer should be built on; "
                "convolutions are recommended because features of images are local, not for "
                "a symmetry that was found."
            )
        if mirrors:
            reasons.append(
                'reflections occur as often as not: element_group("planar", rotations=1, '
                "reflections=True) knows them, or augmentation by flips."
            )
    reasons += _partial(claims)
    if _full(claims, "hue"):
        reasons.append(
            "hue: all hues are equally frequent. No plugin of eqsets has hue as a symmetry; turns "
            "of hue by thirds exchange the channels, and augmentation by resample() has the rest."
        )
    out = repr(width) if not width.isdigit() else width
    named = "".join(f", {name}={value!r}" for name, value in options.items())
    code = (
        "import eqsets\n\n"
        f"images = eqsets.element_group('{group}'{named})\n"
        "layer = eqsets.DSS(\n"
        f"    element_group=images, in_features={channels}, out_features={out}, kernel_size=3\n"
        ")"
    )
    return Recommendation(group, install, code.replace("'", '"'), tuple(reasons), options)


def _full(claims: Sequence[Finding], role: str) -> list[Finding]:
    """Return the claims of a full symmetry in a role."""
    return [claim for claim in claims if claim.role == role and claim.verdict == "full"]


def _partial(claims: Sequence[Finding]) -> list[str]:
    names = [
        claim.sentence for claim in claims if claim.verdict == "partial" and claim.role != "shift"
    ]
    names += [
        claim.sentence
        for claim in claims
        if claim.verdict == "full" and claim.p_uniform is None and claim.role != "shift"
    ]
    if not names:
        return []
    return [
        f"{'; '.join(names)}: occurs in part. A layer that is exactly equivariant to it would give "
        "up what poses say (a 6 is no 9): augment with model.resample(x), which stays within "
        "what was found, instead."
    ]
