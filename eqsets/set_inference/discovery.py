"""Discover from sets: which transformations occur, and whether a set shares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families import Domain, kind_named
from eqsets.families.domains.recommend import Recommendation
from eqsets.generative import SymmetryReport, discover
from eqsets.generative.data.datafiles import chosen, read_file
from eqsets.generative.data.foreground import foreground
from eqsets.generative.data.sources import aligned, read
from eqsets.set_inference.sharing import MOVED, Sharing, sharing_of

__all__ = ["discover_sets"]


def discover_sets(
    data: Any,
    *,
    kind: str | Domain,
    sets: Any = None,
    limit: int | None = None,
    axes: str | None = None,
    **options: Any,
) -> SymmetryReport:
    """Say which symmetries elements have, and whether the elements of a set share them.

    Claims about transformations are tested on one element of each held-out set, since elements of
    one set are not independent; whether they are shared, by :mod:`eqsets.set_inference.sharing`.

    Args:
        data: sets ``(S, N, *element)`` as an array, tensor or file; elements that are NaN alone
            are padding, so sets may be of unequal sizes. Or elements ``(n, *element)``, with
            ``sets``.
        kind: of element, as :func:`eqsets.generative.discover` takes it.
        sets: which set each element is of, one number or word for each.
        limit: sets that are taken at most, drawn at random; with ``sets``, elements.
        axes: of images, without the axis of the elements of a set.
        options: other arguments of :func:`eqsets.generative.discover`, but not ``groups``.

    Returns:
        A report whose ``answer`` is ``alignment="shared"`` or ``"independent"``, or why neither, in
        words, and whose recommendation has it.

    Raises:
        ShapeError: these are no sets, all sets have one element, or the elements are unsuitable.
        OptionError: groups are given: whole sets are held out.
    """
    if "groups" in options:
        raise OptionError(
            "got groups for sets, expected none: whole sets are held out. Leave them out; if sets "
            "of one group depend on each other, pass the groups as sets."
        )
    domain = kind_named(kind)
    given = _given(data, domain, sets, limit, axes)
    sizes = given.sets.unique(return_counts=True)[1]
    if int(sizes.max()) < 2:
        raise ShapeError(
            f"got {len(sizes)} sets of one of the {domain.noun} each, expected two or more in a "
            "set: what a set shares cannot be seen in one. Ask for single elements with discover, "
            "on the command line without --sets."
        )
    report = discover(
        given.elements, kind=domain, axes=axes, groups=given.sets, one_of_each=True, **options
    )
    x = _standardised(report, given.elements, domain, axes)
    tell = options.get("tell", lambda text: None)
    tell(f"comparing {domain.noun} within {len(sizes)} sets and between them")
    sharing = sharing_of(
        report.model.inference, x, given.sets, report.claims, seed=report.facts["seed"]
    )
    name = data if isinstance(data, str | Path) else report.facts["data"]
    return _concluded(report, sharing, sizes, Path(name).name)


class _Given(NamedTuple):
    elements: Tensor
    sets: Tensor


def _given(data: Any, domain: Domain, sets: Any, limit: int | None, axes: str | None) -> _Given:
    """Return elements and which set each is of."""
    if sets is not None:
        source = read(data, kind=domain, limit=limit, axes=axes)
        return _Given(
            source.elements, aligned(sets, len(source.elements), limit, "sets", domain.noun)
        )
    array = data
    if isinstance(data, str | Path):
        path = Path(data).expanduser()
        if path.is_dir():
            raise OptionError(
                f"got the folder {path.name!r} for sets, expected one file (S, N, "
                f"{', '.join(domain.layout)}). In Python, pass sets=, one number for each image."
            )
        array, _ = read_file(path, limit, domain.noun)
    x = domain.as_tensor(array)
    if isinstance(data, str | Path):
        limit = None  # is applied while the file is read
    least = domain.axes + 1 if domain.spatial else domain.axes + 2  # channels may be left out
    if x.dim() < least or 0 in x.shape:
        raise ShapeError(
            f"got sets of shape {tuple(x.shape)}, expected (S, N, {', '.join(domain.layout)}), no "
            "axis of it empty. Stack the sets, padded with NaN, or pass elements and sets=."
        )
    x = x if limit is None else x[chosen(len(x), limit)]
    count, size = x.shape[:2]
    flat = x.flatten(0, 1)
    ids = torch.arange(count).repeat_interleave(size)
    if flat.is_floating_point():
        present = ~flat.flatten(1).isnan().all(-1)
        flat, ids = flat[present], ids[present]
    if not len(flat):
        raise ShapeError(
            f"all {count} sets are NaN, expected elements in them. Check how they were read."
        )
    return _Given(flat, ids)


def _standardised(
    report: SymmetryReport, elements: Tensor, domain: Domain, axes: str | None
) -> Tensor:
    """Return elements as the model takes them."""
    source = read(elements, kind=domain, axes=axes)
    x, _ = source.domain.standardise(source.elements)
    if x.shape[1:] != report.model.shape:
        x, _ = source.domain.default_family(x)
    seen = foreground(x, source.domain, report.model.family)
    return seen.images.to(report.model.dtype)


def _concluded(
    report: SymmetryReport, sharing: Sequence[Sharing], sizes: Tensor, name: str
) -> SymmetryReport:
    alignment, answer = _answer(report, sharing)
    facts = {
        **report.facts,
        "data": name,
        "sets": len(sizes),
        "elements_of_a_set": [int(sizes.min()), int(sizes.max())],
        "alignment": alignment,
        "sharing": [asdict(one) for one in sharing],
    }
    advice = _aligned(report.recommendation, alignment)
    reasons = (*advice.reasons, *(one.sentence for one in sharing))
    return replace(
        report, facts=facts, answer=answer, recommendation=replace(advice, reasons=reasons)
    )


def _answer(report: SymmetryReport, sharing: Sequence[Sharing]) -> tuple[str | None, str]:
    """Return the alignment, if there is one, and the answer in words."""
    noun = report.model.family.domain.noun
    if not any(one.verdict in MOVED for one in report.claims):
        if all(one.verdict == "absent" for one in report.claims):
            return None, f"neither: the {noun} are not transformed at all, by what was searched"
        return None, f"undecided: no transformation of the {noun} is shown to occur"
    verdicts = {one.verdict for one in sharing} - {"undecided"}
    known = [one.name.replace("_", " ") for one in sharing if one.verdict != "undecided"]
    if verdicts == {"shared"}:
        return "shared", f"one transformation, shared by the set ({', '.join(known)})"
    if verdicts == {"independent"}:
        return "independent", f"one transformation of each of the {noun} ({', '.join(known)})"
    if verdicts:
        return None, f"both: {'; '.join(one.sentence for one in sharing)}"
    if not sharing:
        return None, "undecided: whether mirror images occur in whole sets is not examined"
    return None, f"undecided: {sharing[0].sentence}"


def _aligned(advice: Recommendation, alignment: str | None) -> Recommendation:
    """Return the recommendation with an alignment in its code."""
    if alignment is None:
        return advice
    start = advice.code.index("eqsets.DSS(") + len("eqsets.DSS(")
    depth, end = 1, start
    while depth:
        depth += {"(": 1, ")": -1}.get(advice.code[end], 0)
        end += 1
    before, after = advice.code[: end - 1], advice.code[end - 1 :]
    given = f'alignment="{alignment}"'
    several = before.endswith("\n")
    lines = f"{before[:-1]},\n    {given}\n" if several else f"{before}, {given}"
    return replace(advice, code=lines + after)
