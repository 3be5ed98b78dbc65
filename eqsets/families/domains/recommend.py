"""From claims to the element group of a DSS network, for images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Finding", "Multiples", "Recommendation", "recommend"]

_PLANAR = 'pip install "eqsets[planar]" && pip install --no-deps escnn==1.0.11'


class Multiples(Protocol):
    """What a recommendation reads of poses at multiples of a part of a circle."""

    @property
    def order(self) -> int:
        """How many there are."""

    @property
    def equal(self) -> bool:
        """Whether it is not rejected that they are equally frequent."""


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
        """``"absent"``, ``"partial"``, ``"full"``, ``"discrete"`` or ``"unresolved"``."""

    @property
    def sentence(self) -> str:
        """The verdict in words."""

    @property
    def levels(self) -> int | None:
        """How many values a discrete component has."""

    @property
    def p_uniform(self) -> float | None:
        """Of H0 "uniform"; ``None`` on lines."""

    @property
    def discrete(self) -> Multiples | None:
        """The multiples of a part of a circle, if there are any."""


@dataclass(frozen=True)
class Recommendation:
    """Which element group to use.

    Attributes:
        group: the name of the plugin, ``"translations"``, ``"planar"`` or ``"trivial"``.
        install: what installs it.
        code: lines that can be pasted: they build ``layer``.
        reasons: why, and what not.
        options: of the group: ``eqsets.element_group(group, **options)`` is the one in the code,
            or a factor of it.
    """

    group: str
    install: str
    code: str
    reasons: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def recommend(claims: Sequence[Finding], channels: int) -> Recommendation:
    """Return the composition that fits the claims."""
    options, reasons = _rotations(claims)
    mirrors = bool(_full(claims, "reflection"))
    if mirrors:
        reasons.append("reflections occur as often as not: reflections=True.")
        if not options:
            reasons.append("rotations=1 knows reflections of left and right, and no rotations.")
        options = {"rotations": 1, **options, "reflections": True}
    if options:
        group, width, install = "planar", "8 regular", _PLANAR
        reasons.append("planar layers are convolutions: they know shifts as well.")
    else:
        group, width, install = "translations", "16", 'pip install "eqsets[translations]"'
        reasons += _shifts(claims)
    reasons += _partial(claims)
    thirds = _thirds(claims) and channels == 3
    reasons += _colours(claims, thirds)
    code = _code(group, options, channels, width, thirds)
    return Recommendation(group, install, code, tuple(reasons), options)


def _rotations(claims: Sequence[Finding]) -> tuple[dict[str, Any], list[str]]:
    """Return the options of ``planar`` that the rotations ask for, and why."""
    full, discrete = _full(claims, "rotation"), _discrete(claims, "rotation")
    if full:
        known = full[0]
        reasons = [f"{known.sentence}: layers that know rotations need not learn them."]
        if known.levels is None:
            reasons.append(
                "eight rotations: exact for quarter turns, nearly so in between; "
                "rotations=None knows all angles and is slower."
            )
        return {"rotations": known.levels or 8}, reasons
    multiples = discrete[0].discrete if discrete else None
    if multiples is None:
        return {}, []
    order = multiples.order
    reasons = [
        f"{discrete[0].sentence}: layers that know these {order} rotations need not learn them; "
        "others do not occur."
    ]
    if not multiples.equal:
        reasons.append(
            "the rotations are not equally frequent: where a label depends on the orientation (6 "
            "and 9), an equivariant layer cannot use that; augment with model.resample(x) instead."
        )
    if order in (2, 4):
        reasons.append(
            'they are exact on a grid of pixels. Small square images: element_group("grid-'
            'rotations", height=H, width=W) has one weight for each pair of pixels.'
        )
    return {"rotations": order}, reasons


def _shifts(claims: Sequence[Finding]) -> list[str]:
    shifts = [claim for claim in claims if claim.role == "shift"]
    if any(claim.verdict in ("partial", "full") for claim in shifts):
        return ["shifts occur: convolutions know them."]
    return [
        "no transformation of the whole image occurs that a layer should be built on; "
        "convolutions are recommended because features of images are local, not for "
        "a symmetry that was found."
    ]


def _thirds(claims: Sequence[Finding]) -> bool:
    """Return whether hues are turned by thirds: that exchanges red, green and blue."""
    hues = _discrete(claims, "hue")
    return any(one.discrete is not None and one.discrete.order % 3 == 0 for one in hues)


def _colours(claims: Sequence[Finding], thirds: bool) -> list[str]:
    if thirds:
        sentence = _discrete(claims, "hue")[0].sentence
        return [
            f"{sentence}: a third of a turn exchanges red, green and blue, which the first factor "
            "knows. Pass images as x.unsqueeze(-3), (3, 1, H, W): each colour is an image."
        ]
    if _full(claims, "hue"):
        return [
            "hue: all hues are equally frequent. No plugin of eqsets has hue as a symmetry; turns "
            "of hue by thirds exchange the channels, and augmentation by resample() has the rest."
        ]
    return [
        f"{claim.sentence}: no plugin of eqsets has these turns of hue; augment with "
        "model.resample(x)."
        for claim in _discrete(claims, "hue")
    ]


def _code(group: str, options: Mapping[str, Any], channels: int, width: str, thirds: bool) -> str:
    named = "".join(f", {name}={value!r}" for name, value in options.items())
    lines = ["import eqsets", "", f"images = eqsets.element_group('{group}'{named})"]
    out = repr(width) if not width.isdigit() else width
    if thirds:
        lines.append("images = eqsets.element_group('cyclic', size=3) * images")
        channels = 1
    lines += [
        "layer = eqsets.DSS(",
        f"    element_group=images, in_features={channels}, out_features={out}, kernel_size=3",
        ")",
    ]
    return "\n".join(lines).replace("'", '"')


def _full(claims: Sequence[Finding], role: str) -> list[Finding]:
    """Return the claims of a full symmetry in a role."""
    return [claim for claim in claims if claim.role == role and claim.verdict == "full"]


def _discrete(claims: Sequence[Finding], role: str) -> list[Finding]:
    """Return the claims of a discrete subgroup in a role."""
    return [claim for claim in claims if claim.role == role and claim.verdict == "discrete"]


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
