"""From elements to a report: read, fit, examine, conclude."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families import Domain, Images, TransformationFamily, kind_named
from eqsets.generative.analysis.cautions import cautions_of
from eqsets.generative.analysis.curves import (
    curve_of_levels,
    curves_of,
    dependence_of,
    draw,
)
from eqsets.generative.analysis.examine import examine
from eqsets.generative.analysis.joint.background import cautions_of_background, withheld
from eqsets.generative.data.foreground import foreground
from eqsets.generative.data.images import FEWEST
from eqsets.generative.data.sources import aligned, read
from eqsets.generative.fitting.presets import PRESETS, Preset, preset_of
from eqsets.generative.model import SymmetryModel
from eqsets.generative.report.data import ReportImages
from eqsets.generative.report.held_out import FEWEST_IMAGES, split_held_out
from eqsets.generative.report.report import SymmetryReport
from eqsets.registry import transformation

__all__ = ["FEWEST_IMAGES", "discover"]

_RESAMPLES = 6


def discover(
    data: Any,
    *,
    kind: str | Domain | None = None,
    family: str | TransformationFamily = "auto",
    preset: str | Preset = "quick",
    seed: int = 0,
    folder: str | Path | None = None,
    resume: bool = True,
    quiet: bool = False,
    labels: Any = None,
    groups: Any = None,
    one_of_each: bool = False,
    limit: int | None = None,
    skip_unreadable: bool = False,
    axes: str | None = None,
    reflections: bool | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> SymmetryReport:
    """Fit a :class:`~eqsets.generative.SymmetryModel` and say which symmetries data have.

    A quarter of the elements, 400 at most, is held out: claims are tested on them, and nothing is
    fitted to them or chosen by them.

    Args:
        data: an array, tensor, map-style data set, data file (``.npy``, ``.npz``, HDF5, idx) or
            folder of images; see the page "Discover symmetries".
        kind: of element: ``"images"``, ``"signals"``, ``"clouds"``, ``"volumes"``, ``"vectors"``,
            or a domain; default: that of the family, or images if the shape of the array can be
            nothing else.
        family: the transformations that are searched; ``"auto"``: those that the kind searches,
            for images affine with reflections, and HSV if there is colour.
        preset: ``"quick"``, ``"default"``, ``"paper"`` or a :class:`~eqsets.generative.Preset`;
            named ones have fewer steps where elements are few (:meth:`Preset.sized
            <eqsets.generative.Preset.sized>`).
        seed: of all random numbers.
        folder: where the fit keeps its checkpoints: one that was interrupted is resumed from there.
        resume: whether to do that.
        quiet: show no progress.
        labels: one for each image, only to choose images to show from all of them.
        groups: one for each image; images of one group (a region, a patient, a slide) are all held
            out or none of them. Give them where images show the same thing or share pixels: else
            each held-out image finds itself among those that it is compared with.
        one_of_each: test claims on one image of each group that is held out: where those of a group
            share their transformation, only groups are independent.
        limit: images that are taken at most, drawn at random; default: all.
        skip_unreadable: leave files of a folder out that cannot be read, and say so.
        axes: of an array: ``"NHW"``, ``"NCHW"`` or ``"NHWC"``; needed only where its shape is
            ambiguous.
        reflections: whether mirror images are searched as well, as a component of their own; by
            default where ``family`` is ``"auto"`` and these are images.
        tell: is called with a line of text at every step.

    Raises:
        ShapeError: the elements are not what the model takes, all constant, or fewer than
            :data:`FEWEST_IMAGES`; labels or groups are not one for each element; or groups leave
            too few on one side.
        OptionError: a file or dependency is missing; grey images meet a family of colours; there
            is no such kind, or the family transforms another one; or these are graphs.
        PluginError: there is no such family.
    """
    began = time.perf_counter()
    plan = preset_of(preset)
    source = read(
        data,
        kind=_kind(kind, family),
        labels=labels,
        skip_unreadable=skip_unreadable,
        limit=limit,
        axes=axes,
    )
    domain = source.domain
    images, unit = domain.standardise(source.elements)
    _check_content(images, domain)
    mirrored = _reflections(reflections, family, domain)
    if family == "auto":
        images, family = domain.default_family(images)
    seen = foreground(images, domain, transformation(family))
    images, parts = seen.images, None
    if groups is not None:
        parts = aligned(groups, len(images), limit, "groups", domain.noun)
    known, held_out, picked = split_held_out(
        images, source.labels, parts, seed, domain.noun, one_of_each
    )
    if min(len(known), len(held_out)) < FEWEST:
        raise ShapeError(
            f"the groups leave {len(known)} {domain.noun} to learn from and {len(held_out)} to "
            f"test on, expected {FEWEST} of each at least. Make groups smaller, or bring more of "
            "them."
        )
    model = SymmetryModel(family, tuple(images.shape[1:]))
    model.family.check_content(images)
    known, held_out, picked = (part.to(model.dtype) for part in (known, held_out, picked))
    named = family if isinstance(family, str) else repr(family)
    tell(f"fitting {named} to {len(known)} {domain.noun} of {tuple(images.shape[1:])}")
    model.fit(
        known,
        preset=plan if isinstance(preset, Preset) else plan.sized(len(known)),
        seed=seed,
        folder=None if folder is None else Path(folder),
        resume=resume,
        quiet=quiet,
    )
    fitted = time.perf_counter()
    result = examine(
        model.inference,
        known,
        held_out,
        seed=seed,
        reflections=mirrored,
        tell=lambda name: tell(f"examining {name.replace('_', ' ')} on held-out {domain.noun}"),
    )
    claims = withheld(result.claims) if seen.background == "mixed" else result.claims
    tell("drawing resamples")
    generator = torch.Generator().manual_seed(seed)
    shown = result.queries.pick(torch.arange(min(64, len(result.queries.eta))))
    distribution = model.transform_distribution(prototype=shown.prototypes)
    samples = draw(distribution, generator)
    share = model.orbit_variance(held_out[:64], generator=generator).share
    facts = {
        "data": source.name,
        "kind": domain.noun,
        "unit": unit,
        "images": len(images),
        "held_out": min(len(held_out), len(result.queries.eta)),
        "background": seen.background,
        "groups": None if parts is None else len(parts.unique()),
        "shape": list(images.shape[1:]),
        "family": f"{named} with reflections" if mirrored else named,
        "preset": next((name for name, one in PRESETS.items() if one == plan), "own"),
        "seed": seed,
        "prototype_variance_over_the_orbit": share,
        "density_nll": model.history.density[-1]["nll"] if model.history.density else None,
        "seconds": round(time.perf_counter() - began, 1),
        "seconds_of_the_fit": round(fitted - began, 1),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: _version(name) for name in ("eqsets", "torch", "lightning", "zuko")},
    }
    return SymmetryReport(
        facts,
        claims,
        dependence_of(model.chart.parameters, samples, claims[: len(model.names)]),
        cautions_of_background(seen.background, seen.share)
        + cautions_of(
            images,
            len(held_out),
            claims,
            result.evidence,
            share,
            skipped=source.skipped,
            domain=domain,
        ),
        model.family.recommend(claims, tuple(images.shape[1:])),
        (
            *curves_of(model.chart.parameters, samples),
            *[curve_of_levels(one) for one in result.evidence[len(model.names) :]],
        ),
        ReportImages(
            picked,
            model.prototype(picked),
            model.resample(picked, _RESAMPLES, generator=generator).transpose(0, 1),
            domain,
        ),
        model,
    )


def _reflections(asked: bool | None, family: str | TransformationFamily, domain: Domain) -> bool:
    """Return whether mirror images are searched as a component of their own."""
    images = isinstance(domain, Images)
    if asked is None:
        return images and family == "auto"
    known = [] if family == "auto" else transformation(family).parameters_of_eta
    if asked and (not images or any(one.role == "reflection" for one in known)):
        raise OptionError(
            f"got reflections=True for {domain.noun} and the family {family!r}, expected images "
            "and a family without reflections. Leave it out."
        )
    return asked


def _kind(kind: str | Domain | None, family: str | TransformationFamily) -> str | Domain | None:
    """Return the kind to read: that of a family of other elements than images needs no name."""
    if family == "auto":
        return kind
    domain = transformation(family).domain
    if kind is None:
        return None if isinstance(domain, Images) else domain
    named = kind_named(kind)
    try:
        return named.meet(domain)
    except OptionError as error:
        raise OptionError(
            f"got kind={named.noun!r} and the family {family!r}, which transforms {domain.noun}, "
            "expected one kind. Leave one of both out."
        ) from error


def _check_content(x: Tensor, domain: Domain) -> None:
    """Raise if no element has anything to transform, or all are the same."""
    if bool(domain.blank(x).all()):
        raise ShapeError(
            f"all {len(x)} {domain.noun} are constant, expected {domain.noun} that a "
            "transformation changes. Check how they were read."
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(source tree)"
