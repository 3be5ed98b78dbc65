r"""Whether the elements of a set share a transformation, or have one each: tests of pairs.

Let :math:`y_i(a)` be element ``i`` in its own pose, moved by ``a`` along one component. Of two
elements with similar prototypes, the relative pose has the distribution

.. math:: p_{ij}(a) \propto \exp(-\lVert y_i(a) - y_j(0) \rVert^2 / h), \qquad
          w = \sum_{|a| \le \delta} p_{ij}(a) .

``w`` is large for pairs of one set if the set shares its transformation. If each element has its
own, pairs of one set are distributed as pairs of two sets. Each element is compared with others of
its set, and with those of other sets whose prototypes are as similar; each set counts once. With
the means :math:`\bar w_{in}, \bar w_{out}`, and :math:`\bar w_{own}` of two views of one element,

.. math:: \rho = \frac{\bar w_{in} - \bar w_{out}}{\bar w_{own} - \bar w_{out}} :

0 for independent transformations, 1 for a shared one. *Shared*: H0 "independent" is rejected
(one-sided t test over sets, corrected by Holm over the components), and the 99 % bootstrap interval
of :math:`\rho` is above a half. *Independent*: the interval is below 0.4. Else it is undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from eqsets.generative import Claim, Inference
from eqsets.generative.analysis.comparison.similarity import (
    ImageSimilarity,
    WholeImages,
    similarity_of,
)
from eqsets.generative.analysis.comparison.widths import tune
from eqsets.generative.analysis.component import Component, components_of
from eqsets.generative.analysis.evidence import describe
from eqsets.generative.analysis.hypotheses import holm, one_sided_t_test
from eqsets.generative.analysis.poses import Poses, poses_of
from eqsets.generative.analysis.sentences import ALPHA

__all__ = ["FEWEST_SETS", "MOVED", "Pairs", "Sharing", "sharing_of"]

FEWEST_SETS = 16
"""With fewer sets that have two similar elements nothing is said."""

MOVED = ("partial", "full", "discrete")
"""Verdicts of components that occur."""

_SETS, _EACH = 200, 5  # sets, and elements of each, that are used
_ASKED, _OTHERS = 3, 3  # elements of a set that are moved; references for each of the same set
_SHARE = 24  # one in so many prototypes is of the same kind of object
_SIMILAR = 4.0  # times the median squared distance of the nearest of these
_OWN = 0.9  # of the mass of views of one element is within the window
_HALF, _LITTLE = 0.5, 0.4
_VISIBLE = 0.2  # of the mass: less is too little to be compared
_RESAMPLES = 2000


@dataclass(frozen=True)
class Sharing:
    """What is known of one component within sets.

    Attributes:
        name: of the component.
        verdict: ``"shared"``, ``"independent"`` or ``"undecided"``.
        sentence: the verdict in words.
        within: mass near no difference, of pairs of one set; the mean.
        between: the same, of pairs of two sets.
        own: the same, of two views of one element.
        rho: 0 for independent transformations, 1 for a shared one.
        interval: its 99 % bootstrap interval over sets.
        p_independent: of H0 "independent", corrected by Holm; small: sets share something.
        sets: with two similar elements.
    """

    name: str
    verdict: str
    sentence: str
    within: float
    between: float
    own: float
    rho: float
    interval: tuple[float, float]
    p_independent: float
    sets: int


@dataclass(frozen=True, eq=False)
class Pairs:
    """Masses near no difference, one of each set: ``(m)``.

    Attributes:
        within: of pairs of one set.
        between: of pairs of two sets.
        own: of two views of one element.
    """

    within: Tensor
    between: Tensor
    own: Tensor


def sharing_of(
    inference: Inference,
    elements: Tensor,
    sets: Tensor,
    claims: Sequence[Claim],
    *,
    seed: int = 0,
) -> tuple[Sharing, ...]:
    """Return what is known of each component that occurs.

    Args:
        inference: of prototypes and poses.
        elements: ``(n, *element)``.
        sets: which set each element is of, ``(n)``.
        claims: about the components; those that do not occur are left out.
        seed: of all random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    inference.eval()
    rows, sets = _chosen(sets, generator)
    occurring = {claim.name: claim for claim in claims if claim.verdict in MOVED}
    poses = poses_of(inference, elements[rows], generator=generator)
    own = poses_of(inference, elements[rows], generator=generator)
    queries = _pairs(poses, sets, inference)
    index = sets[torch.tensor([one.row for one in queries], dtype=torch.long)]
    count = len(index.unique())
    pairs = {
        component.parameter.name: _by_set(_masses(component, poses, own, queries), index)
        for component in components_of(inference, poses.views)
        if component.parameter.name in occurring and count >= FEWEST_SETS
    }
    unknown = [name for name in occurring if name not in pairs]
    return (*decided(pairs, generator), *[_unknown(name, count) for name in unknown])


def decided(pairs: dict[str, Pairs], generator: torch.Generator) -> list[Sharing]:
    """Return a verdict for each component; the tests are corrected for their number."""
    p = holm([one_sided_t_test(one.within - one.between) for one in pairs.values()])
    return [
        _decided(name, one, q, generator) for (name, one), q in zip(pairs.items(), p, strict=True)
    ]


def _decided(name: str, pairs: Pairs, p: float, generator: torch.Generator) -> Sharing:
    m = len(pairs.within)
    drawn = torch.randint(m, (_RESAMPLES, m), generator=generator)
    masses = torch.stack([pairs.within, pairs.between, pairs.own]).double()
    within, between, own = masses.mean(-1)
    inside, outside, self_ = masses[:, drawn].mean(-1)
    ratio = (inside - outside) / (self_ - outside).clamp_min(1e-6)
    low, high = ratio.quantile(torch.tensor([0.005, 0.995], dtype=torch.float64)).tolist()
    rho = float((within - between) / (own - between).clamp_min(1e-6))
    words = name.replace("_", " ")
    verdict = "undecided"
    if float(own - between) < _VISIBLE:
        text = "undecided, it changes elements too little, compared with the error of poses"
    elif p < ALPHA and low > _HALF:
        verdict, text = (
            "shared",
            f"one of each set, shared by its elements (p = {max(p, 1e-4):.1g})",
        )
    elif high < _LITTLE:
        verdict, text = "independent", "one of each element, independent within a set"
    elif p < ALPHA:
        text = f"undecided: more equal within sets than between them, but not the same ({rho:.0%})"
    else:
        text = f"undecided with {m} sets"
    return Sharing(
        name,
        verdict,
        f"{words}: {text}",
        float(within),
        float(between),
        float(own),
        rho,
        (low, high),
        p,
        m,
    )


def _unknown(name: str, sets: int) -> Sharing:
    text = (
        f"undecided, {sets} sets have two elements with similar prototypes that can be compared, "
        f"expected {FEWEST_SETS} at least"
    )
    words = name.replace("_", " ")
    return Sharing(name, "undecided", f"{words}: {text}", 0, 0, 0, 0, (0, 0), 1.0, sets)


def _chosen(sets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return rows of some elements of some sets, in random order, and the sets they are of."""
    order = torch.randperm(len(sets), generator=generator)
    names = sets[order].unique()
    picked = names[torch.randperm(len(names), generator=generator)[:_SETS]]
    rows = []
    for one in picked.tolist():
        members = order[sets[order] == one][:_EACH]
        rows.append(members)
    chosen = torch.cat(rows)
    return chosen, sets[chosen]


class _Query(NamedTuple):
    """An element, similar ones of its set, and as similar ones of other sets: all as rows."""

    row: int
    within: Tensor
    between: Tensor


def _pairs(poses: Poses, sets: Tensor, inference: Inference) -> list[_Query]:
    """Return some elements of each set that has similar ones, and what to compare them with."""
    similarity = WholeImages(poses.prototypes, inference.family.domain)
    distances = torch.cdist(similarity.references, similarity.references).square()
    same = sets[:, None] == sets
    between = distances.masked_fill(same, torch.inf)
    near = between.kthvalue(max(1, len(between) // _SHARE), -1).values
    similar = _SIMILAR * float(near.median())
    queries = []
    for one in sets.unique():
        members = (sets == one).nonzero()[:, 0]
        inside = distances[members][:, members].fill_diagonal_(torch.inf) <= similar
        order = inside.sum(-1).argsort(descending=True, stable=True)[:_ASKED]
        for at in order[inside[order].any(-1)].tolist():
            query, mine = int(members[at]), members[inside[at]]
            queries.append(_Query(query, mine, _as_similar(between[query], distances[query, mine])))
    return queries


def _as_similar(between: Tensor, like: Tensor) -> Tensor:
    """Return indices of distances ``between`` that are closest to those in ``like``, each once."""
    left, taken = between.clone(), []
    for distance in like.repeat(_OTHERS):
        nearest = int((left - distance).abs().argmin())
        left[nearest] = torch.inf
        taken.append(nearest)
    return torch.tensor(taken)


@torch.no_grad()
def _masses(
    component: Component, poses: Poses, again: Poses, queries: Sequence[_Query]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return masses near no difference, of pairs within sets, between sets, and of two views."""
    origin = torch.zeros(1)
    unmoved = component.moved(poses, origin)[:, 0]
    upright = component.upright(poses) if component.in_place else unmoved
    domain = component.family.domain
    similarity = similarity_of(unmoved, upright, domain=domain, in_place=component.in_place)
    features = similarity.references
    second = similarity.describe(component.moved(again, origin))[:, 0]
    some = poses.pick(torch.tensor([one.row for one in queries]))
    moved = describe(component, similarity, some, component.steps)
    width = _width(component, similarity, poses)
    rows: tuple[list[Tensor], ...] = ([], [], [])
    for one, along, valid in zip(queries, moved.features, moved.valid, strict=True):
        targets = (features[one.within], features[one.between], second[one.row][None])
        for row, others in zip(rows, targets, strict=True):
            square = torch.cdist(along, others).square()
            square = square.masked_fill(~valid[:, None], torch.inf)
            row.append((-square / width).softmax(0).mean(-1))
    within, between, own = (torch.stack(row) for row in rows)  # (queries, A)
    away = component.steps.abs()
    inside = away <= _window(own, away) + 1e-6
    if component.parameter.levels is not None:
        inside = away == 0
    return within[:, inside].sum(-1), between[:, inside].sum(-1), own[:, inside].sum(-1)


def _by_set(masses: tuple[Tensor, Tensor, Tensor], index: Tensor) -> Pairs:
    """Return the mean over the elements of each set."""
    members = (index.unique()[:, None] == index).double()
    share = members / members.sum(-1, keepdim=True)
    return Pairs(*(share @ part.double() for part in masses))


def _window(own: Tensor, away: Tensor) -> float:
    """Return twice the distance within which views of one element have most of their mass."""
    order = away.argsort()
    mass = own.mean(0)[order].cumsum(0)
    limit = _OWN * float(mass[-1])
    first = int((mass >= limit).nonzero()[0])
    return 2 * float(away[order[first]])


def _width(component: Component, similarity: ImageSimilarity, poses: Poses) -> float:
    """Return the width of the kernel of poses that predicts elements best."""
    some = poses.pick(torch.arange(min(len(poses.eta), 160)))
    distances = describe(component, similarity, some, component.steps).distances(similarity)
    return tune(similarity, distances, component.parameter, component.zero)[1].kernel.pose
