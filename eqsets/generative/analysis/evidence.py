r"""How one component of eta is distributed, given the prototype: by comparing pictures.

Requirements that shaped this module:

- only the *conditional* spread is a fact: where a prototype lies on its orbit is a convention;
- only *pictures* are identifiable: a square may be turned by quarter turns, a disc by any angle;
- no trained density is trusted: a wrong model may cost power, never validity.

Take the pose apart: :math:`y_i(a)` is the prototype of image ``i`` in its own pose, moved on by
``a`` along one component, with all others left out
(:class:`~eqsets.generative.analysis.component.Component`). If the data have ``a`` as a symmetry,
then :math:`y_i(a)` looks like other images do, not only :math:`y_i(0)`:

.. math:: q_i(a) \propto \sum_j K(y_i(a), y_j(0))

over reference images ``j``: a kernel estimate
(:class:`~eqsets.generative.analysis.kernel.Kernel`) of the distribution of the component, relative
to where image ``i`` itself is. What is compared, whole images or their colours, is a matter of the
component (:mod:`~eqsets.generative.analysis.similarity`).
Poses that would clip its colours a picture cannot have: it would not come back from there.
Widths are no narrower than the grid resolves, and than the traces of interpolation. Odds are spread
over a quarter of what moves content by a pixel. Scores :math:`-\log q_i(0)` of held-out images
estimate the entropy (from above).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from eqsets.families import Parameter
from eqsets.generative.analysis.component import Component
from eqsets.generative.analysis.kernel import Distances, Kernel, best_kernel, scores_of
from eqsets.generative.analysis.poses import Poses
from eqsets.generative.analysis.similarity import Looks, looks_of
from eqsets.generative.canonicalization.inference import Inference

__all__ = ["Evidence", "gather"]

_SOME = 160  # references that the widths are tried on


@dataclass(frozen=True, eq=False)
class Evidence:
    """What held-out images say about one component.

    Attributes:
        parameter: the component.
        steps: the grid of ``a``, ``(A,)``; 0 is one of them.
        odds: ``q_i(a)`` of held-out images, ``(m, A)``; rows add up to 1.
        folds: how many steps of a whole turn leave a picture as it is, ``(m)``; 1 on lines.
        floor: scores of the same kind, ``(m)``, where the references are the very same image, seen
            anew: spread that comes from inference and resolution alone.
        contrast: how much a picture changes along the component, at most, as a squared distance in
            units of that between views of one image; the median.
    """

    parameter: Parameter
    steps: Tensor
    odds: Tensor
    folds: Tensor
    floor: Tensor
    contrast: float

    @property
    def zero(self) -> int:
        """The place of 0 in the grid."""
        return int(self.steps.abs().argmin())

    @property
    def scores(self) -> Tensor:
        """``-log q_i(0)``, ``(m)``: their mean is the entropy on the grid, in nats."""
        return -self.odds[:, self.zero].clamp_min(1e-30).log()

    @property
    def spacing(self) -> float:
        """The distance of two steps; 1 for a discrete component."""
        return float(self.steps[1] - self.steps[0])


@torch.no_grad()
def gather(
    inference: Inference, place: int, references: Poses, queries: Poses, again: Sequence[Poses]
) -> Evidence:
    """Return the evidence about component ``place`` of the chart, on the CPU.

    Args:
        inference: what found the poses.
        place: of the component.
        references: of the images to compare with.
        queries: of the held-out images.
        again: of the held-out images, from other views.
    """
    component = Component(inference, place, references.views)
    parameter, zero, still = component.parameter, component.zero, torch.zeros(1)
    pictures = component.moved(references, still)[:, 0]
    looks = looks_of(pictures, component.upright(references), in_place=component.in_place)
    seen = partial(_seen, component, looks)
    tried = seen(references.pick(torch.arange(min(len(pictures), _SOME))), component.steps)
    asked = seen(queries, component.steps)
    anew = torch.stack([looks.describe(component.moved(one, still))[:, 0] for one in again], 1)
    kernel = _kernel(looks, tried.distances(looks), parameter, zero)
    box = _box(parameter, component.steps, component.reach(pictures) / 4)
    odds = box(kernel.odds(asked.distances(looks)))
    change = (asked.described - asked.described[:, zero : zero + 1]).square().sum(-1)
    noise = (asked.described[:, zero, None] - anew).square().sum(-1).median().clamp_min(1e-6)
    contrast = float(change.amax(-1).median() / noise)
    alone = box((-change / kernel.pose).masked_fill(~asked.told, -torch.inf).softmax(-1))
    entropy = _entropy(alone)
    folds = _folds(alone) if parameter.period and not parameter.levels else torch.ones(len(alone))
    itself = (-torch.cdist(asked.described, anew).square() / kernel.pose).logsumexp(-1)
    itself = itself.masked_fill(~asked.told, -torch.inf)
    floor = _entropy(box(itself.softmax(-1))) - entropy - alone[:, zero].log()
    return Evidence(parameter, component.steps, odds.cpu(), folds.cpu(), floor.cpu(), contrast)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What moved pictures look like.

    Attributes:
        described: features, ``(n, A, f)``.
        told: which moves are another pose of the picture, ``(n, A)``.
        upright: the pictures in the places of prototypes, ``(n, C, H, W)``.
    """

    described: Tensor
    told: Tensor
    upright: Tensor

    def distances(self, looks: Looks) -> Distances:
        """Return distances from the references; infinite for what is no pose."""
        found = looks.distances(self.described, self.upright)
        return replace(found, pose=found.pose.masked_fill(~self.told[..., None], torch.inf))


def _seen(component: Component, looks: Looks, poses: Poses, steps: Tensor) -> _Seen:
    """Return what pictures look like that are moved; in parts, as they are large."""
    rows = []
    for part in torch.arange(len(poses.eta)).split(64):
        some = poses.pick(part)
        still, moved = component.moved(some, torch.zeros(1))[:, 0], component.moved(some, steps)
        told = torch.ones(len(part), len(steps), dtype=torch.bool, device=still.device)
        if component.in_place:
            told = component.comes_back(moved, still, steps)
        rows.append((looks.describe(moved), told, component.upright(some)))
    return _Seen(*map(torch.cat, zip(*rows, strict=True)))


def _entropy(odds: Tensor) -> Tensor:
    return -(odds * odds.clamp_min(1e-30).log()).sum(-1)


def _kernel(looks: Looks, distances: Distances, parameter: Parameter, zero: int) -> Kernel:
    """Return the widths that do best among the references, the first ones of which are moved."""
    count, steps = distances.pose.shape[:2]
    one = torch.arange(count)
    step = float(distances.pose[one, (zero + 1) % steps, one].median())
    distances.shape[one, one] = torch.inf
    own = distances.pose[:, zero].masked_fill(distances.shape.isinf(), torch.inf)
    nearest = float(own.amin(-1).median().clamp_min(1e-6))
    # Not below what a fine grid resolves; the next level of a discrete one is another picture, and
    # between two steps of a colour on a line there are pictures enough to tell.
    coarse = parameter.levels is not None or (looks.traces == 0 and parameter.period is None)
    poses = [max(nearest * factor, 0.0 if coarse else step / 2) for factor in looks.pose_widths]
    unlike = float(distances.shape.amin(-1).median().clamp_min(1e-6))
    shapes = [unlike * factor for factor in looks.shape_widths]
    uniform = None if parameter.period is None else log(steps)
    least = max(0.99 * nearest, looks.traces) if looks.traces else 0.0
    scores = scores_of(distances, zero, poses, shapes)
    return best_kernel(poses, shapes, scores, least=least, uniform=uniform)


def _box(parameter: Parameter, steps: Tensor, reach: float) -> Callable[[Tensor], Tensor]:
    """Return what spreads odds ``(m, A)`` evenly over ``reach`` on both sides.

    Shifts by whole pixels are shifts: without it they would be a few sharp peaks of no width.
    """
    spacing = float(steps[1] - steps[0])
    radius = int(reach / spacing + 0.5)
    if radius == 0:
        return lambda odds: odds
    away = torch.arange(-radius, radius + 1).abs()
    weights = (reach / spacing + 0.5 - away).clamp(0, 1)
    weights = weights / weights.sum()
    mode = "constant" if parameter.period is None else "circular"

    def spread(odds: Tensor) -> Tensor:
        wide = F.pad(odds[:, None], (radius, radius), mode=mode)
        made: Tensor = F.conv1d(wide, weights.to(odds)[None, None])[:, 0]
        return made / made.sum(-1, keepdim=True)

    return spread


def _folds(alone: Tensor) -> Tensor:
    """Return how many peaks as high as that at 0 the odds around a circle have."""
    higher = (alone >= alone.roll(1, -1)) & (alone > alone.roll(-1, -1))
    peaks = higher & (alone > 0.35 * alone.amax(-1, keepdim=True))
    return peaks.sum(-1).clamp_min(1)
