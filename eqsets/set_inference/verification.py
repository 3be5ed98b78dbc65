r"""Whether a recommended element group pays: completion of sets, by two networks of one size.

A recommendation follows from claims about data; whether a network profits is another question. Both
networks see sets of four noisy elements, with a block of each erased, and return the elements,
which needs no labels. With :math:`x` the elements, :math:`m` the mask of the erased blocks and
``f`` a network, the error on held-out sets is

.. math:: e(f) = \frac{\operatorname{mean}_{m} (f(\tilde x) - x)^2}{\operatorname{var} x} .

What is missing depends on the pose, so a group that is no symmetry of the data has a larger error;
without erased parts, noise is removed as well by a wrong group. The networks are compared on the
same sets with the same noise, from several initial weights each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import cos, pi, prod, sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError
from eqsets.families import Domain
from eqsets.families.domains.grid import Grid
from eqsets.families.domains.recommend import Recommendation
from eqsets.generative.data.foreground import foreground
from eqsets.generative.data.sources import aligned, read
from eqsets.generative.report.held_out import split_held_out
from eqsets.generative.report.report import SymmetryReport
from eqsets.network import SetNetwork
from eqsets.registry import element_group

__all__ = ["Verification", "verified", "verify", "verify_elements"]

_ELEMENTS = 4  # of a set
_BATCH = 8  # sets
_CHANNELS = 16  # between layers
_RATE = 5e-3
_BLOCK, _NOISE = 0.4, 0.3  # erased part of a side; noise, in standard deviations
_MARGIN = 0.02  # relative; less is no difference that is worth a choice
_T = 2.0  # standard errors around a mean


@dataclass(frozen=True)
class Verification:
    """The comparison of a recommended group with a plain one.

    Attributes:
        recommended: the group, with options.
        plain: what it is compared with.
        parameters: of both networks.
        errors: of both on held-out sets, in units of the variance of the elements.
        difference: of the errors, relative to the plain one; negative: the recommended one is less.
        interval: of ``difference``: two standard errors, over weights and sets.
        steps: of the training of each network.
    """

    recommended: str
    plain: str
    parameters: tuple[int, int]
    errors: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    steps: int

    @property
    def pays(self) -> bool | None:
        """Whether the recommendation has less error; ``None``: not decided."""
        if self.interval[1] < 0:
            return True
        return False if self.interval[0] > -_MARGIN else None

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        low, high = (f"{100 * end:+.0f}%" for end in self.interval)
        verdict = {True: "pays", False: "does not pay", None: "is not decided"}[self.pays]
        return (
            f"verified by completing held-out sets: {self.recommended} {verdict} against "
            f"{self.plain}: error {self.errors[0]:.3g} against {self.errors[1]:.3g} "
            f"({100 * self.difference:+.0f}%, {low} to {high}), {self.parameters[0]:,} and "
            f"{self.parameters[1]:,} parameters, {self.steps} steps"
        )


def verify(
    report: SymmetryReport,
    data: Any,
    *,
    kind: str | Domain | None = None,
    limit: int | None = None,
    axes: str | None = None,
    groups: Any = None,
    skip_unreadable: bool = False,
    steps: int = 150,
    seeds: int = 3,
    tell: Callable[[str], object] = lambda text: None,
) -> Verification:
    """Train the recommended and the plain group briefly, and compare them on held-out elements.

    Args:
        report: of :func:`~eqsets.generative.discover`, whose seed says what is held out.
        data: the same as it took.
        kind: the same.
        limit: the same.
        axes: the same.
        groups: the same: those that are held out whole.
        skip_unreadable: the same.
        steps: of the training of each network.
        seeds: how many initial weights of each.
        tell: is called with a line of text at every training.

    Raises:
        OptionError: elements are on no grid.
        PluginError: the recommended group is of a plugin that is not installed.
    """
    domain = report.model.family.domain
    source = read(data, kind=kind, limit=limit, axes=axes, skip_unreadable=skip_unreadable)
    x, _ = source.domain.standardise(source.elements)
    if x.shape[1:] != report.model.shape:
        x, _ = source.domain.default_family(x)
    x = foreground(x, domain, report.model.family).images
    parts = None if groups is None else aligned(groups, len(x), limit, "groups", domain.noun)
    known, held_out, _ = split_held_out(x, None, parts, report.facts["seed"], domain.noun)
    return verify_elements(
        report.recommendation, domain, known, held_out, steps=steps, seeds=seeds, tell=tell
    )


def verified(report: SymmetryReport, result: Verification) -> SymmetryReport:
    """Return a report that says what the verification found, as a reason and as a fact."""
    advice = report.recommendation
    reasons = (*advice.reasons, result.sentence)
    facts = {**report.facts, "verification": {**asdict(result), "pays": result.pays}}
    return replace(report, facts=facts, recommendation=replace(advice, reasons=reasons))


def verify_elements(
    recommendation: Recommendation,
    domain: Domain,
    known: Tensor,
    held_out: Tensor,
    *,
    steps: int = 150,
    seeds: int = 3,
    tell: Callable[[str], object] = lambda text: None,
) -> Verification:
    """Compare groups on elements; see :func:`verify`.

    Args:
        recommendation: whose group is compared.
        domain: of the elements, on a grid.
        known: to learn from, ``(n, *element)``.
        held_out: to compare on, ``(m, *element)``.
        steps: of the training of each network.
        seeds: how many initial weights of each.
        tell: is called with a line of text at every training.

    Raises:
        OptionError: elements are on no grid, or too few are held out.
    """
    if not isinstance(domain, Grid):
        raise OptionError(
            f"cannot verify the recommendation for {domain.noun} yet, expected images, signals or "
            "volumes. Leave --verify out, and compare networks on your own task."
        )
    if len(held_out) < 2 * _ELEMENTS:
        raise OptionError(
            f"got {len(held_out)} held-out {domain.noun}, expected {2 * _ELEMENTS} at least to "
            "verify the recommendation. Bring more, or leave --verify out."
        )
    best, plain = _pair(recommendation, domain, tuple(known.shape[1:]))
    # axes: networks, weights, sets
    losses = torch.stack(
        [
            torch.stack([_losses(one, known, held_out, steps, seed, tell) for seed in range(seeds)])
            for one in (best, plain)
        ]
    ).double()
    mean = losses.mean((1, 2))
    ratio = losses[0] / losses[1].mean() - losses[1] / losses[1].mean()
    over_sets = ratio.mean(0).var() / ratio.shape[1]
    over_seeds = ratio.mean(1).var() / ratio.shape[0] if seeds > 1 else torch.zeros(())
    error = _T * sqrt(float(over_sets + over_seeds))
    middle = float(ratio.mean())
    return Verification(
        best.name,
        plain.name,
        (best.size, plain.size),
        (float(mean[0]), float(mean[1])),
        middle,
        (middle - error, middle + error),
        steps,
    )


class _Candidate(NamedTuple):
    """How to build a network, its name, its parameters, and whether elements are flattened."""

    build: Callable[[], SetNetwork]
    name: str
    size: int
    flat: bool


def _pair(
    advice: Recommendation, domain: Domain, shape: tuple[int, ...]
) -> tuple[_Candidate, _Candidate]:
    """Return the recommended and the plain candidate, with about as many parameters."""
    options = dict(advice.options)
    dims = {} if domain.spatial == 2 else {"dims": domain.spatial}
    order = (options.get("rotations") or 1) * (2 if options.get("reflections") else 1)
    width = max(1, _CHANNELS // order)
    best = _candidate(advice.group, options, shape, width, regular=advice.group == "planar")
    plain = "trivial" if advice.group == "translations" and options == dims else "translations"
    known = {} if plain == "trivial" else dims
    widths = range(2, 2 * _CHANNELS) if plain == "translations" else (2, 4, 8, 16, 32)
    others = [_candidate(plain, known, shape, width) for width in widths]
    return best, min(others, key=lambda one: abs(one.size - best.size))


def _candidate(
    group: str,
    options: Mapping[str, Any],
    shape: tuple[int, ...],
    width: int,
    *,
    regular: bool = False,
) -> _Candidate:
    symmetry, flat = element_group(group, **options), group == "trivial"
    ends = prod(shape) if flat else shape[0]
    hidden = f"{width} regular" if regular else width
    layer: dict[str, Any] = {} if flat else {"kernel_size": 5}

    def build() -> SetNetwork:
        return SetNetwork(symmetry, [ends, hidden, hidden, ends], normalization=None, **layer)

    size = sum(one.numel() for one in build().parameters())
    named = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return _Candidate(build, f"{group}({named})" if named else group, size, flat)


def _losses(
    candidate: _Candidate,
    known: Tensor,
    held_out: Tensor,
    steps: int,
    seed: int,
    tell: Callable[[str], object],
) -> Tensor:
    """Return the error on each held-out set, ``(sets)``, after a training."""
    tell(f"verifying: training {candidate.name}, weights {seed + 1}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = candidate.build().to(known.dtype)
    generator = torch.Generator().manual_seed(seed)
    size = float(known.std())
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    for step in range(steps):
        chosen = torch.randint(len(known), (_BATCH, _ELEMENTS), generator=generator)
        loss = _errors(network, known[chosen], size, candidate.flat, generator).mean()
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 + cos(pi * step / steps)) / 2
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    whole = len(held_out) // _ELEMENTS * _ELEMENTS
    sets = held_out[:whole].unflatten(0, (-1, _ELEMENTS))
    noise = torch.Generator().manual_seed(0)  # the same for all networks
    with torch.no_grad():
        parts = [_errors(network, one, size, candidate.flat, noise) for one in sets.split(32)]
    return torch.cat(parts)


def _errors(
    network: SetNetwork, x: Tensor, size: float, flat: bool, generator: torch.Generator
) -> Tensor:
    """Return squared errors in the erased parts of sets ``(B)``, relative to the variance."""
    erased = _erased(x, generator)
    noise = _NOISE * size * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    noisy = torch.where(erased, x.mean(), x + noise)
    given = noisy.flatten(2) if flat else noisy
    clean: Tensor = network(given).reshape(x.shape)
    wrong = ((clean - x).square() * erased).flatten(1).sum(-1)
    return wrong / erased.expand(x.shape).flatten(1).sum(-1) / size**2


def _erased(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return which positions are erased, ``(B, N, 1, *grid)``: a block about the middle."""
    inside = torch.ones(*x.shape[:2], 1, *[1] * (x.dim() - 3), dtype=torch.bool)
    for axis, side in enumerate(x.shape[3:]):
        start = _BLOCK * side * (torch.rand(*x.shape[:2], generator=generator) - 0.5)
        middle = (side - 1) / 2 + start
        away = (torch.arange(side) - middle[..., None]).abs() < _BLOCK * side / 2
        shape = [1] * (x.dim() - 2)
        shape[1 + axis] = side
        inside = inside & away.reshape(*x.shape[:2], *shape)
    return inside
