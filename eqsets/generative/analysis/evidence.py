r"""How one component of eta is distributed, given the prototype: by comparing images.

Requirements that shaped this module:

- only the *conditional* spread is a fact: where a prototype lies on its orbit is a convention;
- only *images* are identifiable: a square may be rotated by quarter turns, a disc by any angle;
- no trained density is trusted: a wrong model may cost power, never validity.

Let :math:`y_i(a)` be the prototype of image ``i`` in its own pose, moved by ``a`` along one
component, with the others at 0 (:class:`~eqsets.generative.analysis.component.Component`). If the
data have ``a`` as a symmetry, then :math:`y_i(a)` is similar to other images, not only
:math:`y_i(0)`:

.. math:: q_i(a) \propto \sum_j K(y_i(a), y_j(0))

over reference images ``j``: a kernel estimate (:mod:`~eqsets.generative.analysis.comparison`) of
the distribution of the component, relative to the coordinate of image ``i``. What is compared,
whole images or their colours, depends on the component. Moves that would clip colours are not
valid. Kernels are no narrower than the resolution of the grid and interpolation artifacts.
Probabilities are spread over a quarter of what moves content by a pixel. Scores
:math:`-\log q_i(0)` of held-out images estimate the entropy, from above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from eqsets.families import Parameter
from eqsets.generative.analysis.comparison.kernel import Distances
from eqsets.generative.analysis.comparison.similarity import ImageSimilarity, similarity_of
from eqsets.generative.analysis.comparison.widths import tune
from eqsets.generative.analysis.component import Component
from eqsets.generative.analysis.poses import Poses
from eqsets.generative.analysis.subgroup import Subgroup, choose_order

__all__ = ["Described", "Evidence", "describe", "gather"]

_SOME = 160  # references that the widths are tried on
_MISJUDGED = 0.01  # of the elements may have another pose than was inferred


@dataclass(frozen=True, eq=False)
class Evidence:
    """What held-out images say about one component.

    Attributes:
        parameter: the component.
        steps: the grid of ``a``, ``(A,)``; 0 is one of them.
        probabilities: ``q_i(a)`` of held-out images, ``(m, A)``; rows sum to 1.
        symmetry_order: how many rotations an image is invariant under, ``(m)``; 1 on lines.
        floor: scores of the same kind, ``(m)``, with other views of the same image as references:
            the spread that comes from inference and resolution alone.
        contrast: the largest change of an image along the component, as a squared distance in
            units of that between views of one image; the median.
        noun: what is compared.
        subgroup: the finite subgroup that predicts references best; ``None`` if none is better
            than no subgroup.
    """

    parameter: Parameter
    steps: Tensor
    probabilities: Tensor
    symmetry_order: Tensor
    floor: Tensor
    contrast: float
    noun: str = "images"
    subgroup: Subgroup | None = None

    @property
    def zero(self) -> int:
        """Index of 0 in the grid."""
        return int(self.steps.abs().argmin())

    @property
    def scores(self) -> Tensor:
        """``-log q_i(0)``, ``(m)``: their mean is the entropy on the grid, in nats."""
        return -self.probabilities[:, self.zero].clamp_min(1e-30).log()

    @property
    def spacing(self) -> float:
        """The distance of two steps; 1 for a discrete component."""
        return float(self.steps[1] - self.steps[0])


@torch.no_grad()
def gather(
    component: Component, references: Poses, queries: Poses, repeats: Sequence[Poses]
) -> Evidence:
    """Return the evidence about a component, on the CPU.

    Args:
        component: of the chart of the inference that the poses are from.
        references: of the images to compare with.
        queries: of the held-out images.
        repeats: of the held-out images, from other views.
    """
    parameter, zero, origin = component.parameter, component.zero, torch.zeros(1)
    images = component.moved(references, origin)[:, 0]
    upright = component.upright(references) if component.in_place else images
    domain = component.family.domain
    similarity = similarity_of(images, upright, domain=domain, in_place=component.in_place)
    described = partial(describe, component, similarity)
    tuning = described(references.pick(torch.arange(min(len(images), _SOME))), component.steps)
    held_out = described(queries, component.steps)
    views = [similarity.describe(component.moved(one, origin))[:, 0] for one in repeats]
    others = torch.stack(views, 1)
    tuned = tune(similarity, tuning.distances(similarity), parameter, zero)
    kernel, distances = tuned[1].kernel, held_out.distances(similarity)
    box = _box(parameter, component.steps, component.reach(images) / 4)
    probabilities = _mixed(box(kernel.probabilities(distances)), held_out.valid)
    features, invalid = held_out.features, ~held_out.valid
    change = (features - features[:, zero : zero + 1]).square().sum(-1)
    noise = (features[:, zero, None] - others).square().sum(-1).median().clamp_min(1e-6)
    contrast = float(change.amax(-1).median() / noise)

    def copies(width: float) -> Tensor:
        return box((-change / width).masked_fill(invalid, -torch.inf).softmax(-1))

    own = copies(kernel.pose)
    order = torch.ones(len(own))
    if parameter.period and not parameter.levels:
        order = _symmetry_order(own)
    same = (-torch.cdist(features, others).square() / kernel.pose).logsumexp(-1)
    same = box(same.masked_fill(invalid, -torch.inf).softmax(-1))
    floor = _entropy(same) - _entropy(own) - own[:, zero].log()
    subgroup = None
    gains = {one: each.gain for one, each in tuned.items()}
    best = choose_order(gains)
    if best > 1:
        narrow = tuned[best].kernel
        seen = box(narrow.probabilities(distances))
        subgroup = Subgroup(best, seen.cpu(), copies(narrow.pose).cpu(), gains)
    return Evidence(
        parameter,
        component.steps,
        probabilities.cpu(),
        order.cpu(),
        floor.cpu(),
        contrast,
        domain.noun,
        subgroup,
    )


@dataclass(frozen=True, eq=False)
class Described:
    """Features of moved images.

    Attributes:
        features: ``(n, A, f)``.
        valid: which moves are another pose of the image, ``(n, A)``.
        upright: the images in the position of prototypes, ``(n, C, H, W)``.
    """

    features: Tensor
    valid: Tensor
    upright: Tensor

    def distances(self, similarity: ImageSimilarity) -> Distances:
        """Return distances from the references; infinite where a move is not valid."""
        distances = similarity.distances(self.features, self.upright)
        return replace(
            distances, pose=distances.pose.masked_fill(~self.valid[..., None], torch.inf)
        )


def describe(
    component: Component, similarity: ImageSimilarity, poses: Poses, steps: Tensor
) -> Described:
    """Return features of moved images, in parts, as the images are large."""
    rows = []
    for some in poses.portions(len(steps)):
        unmoved, moved = component.moved(some, torch.zeros(1))[:, 0], component.moved(some, steps)
        valid = torch.ones(len(unmoved), len(steps), dtype=torch.bool, device=unmoved.device)
        upright = unmoved
        if component.in_place:
            valid = component.recoverable(moved, unmoved, steps)
            upright = component.upright(some)
        rows.append((similarity.describe(moved), valid, upright))
    return Described(*map(torch.cat, zip(*rows, strict=True)))


def _mixed(probabilities: Tensor, valid: Tensor) -> Tensor:
    """Return probabilities mixed with a little of the uniform distribution.

    An element whose pose was misjudged would have a score of 60 nats, and the variance of all.
    """
    even = valid / valid.sum(-1, keepdim=True)
    return (1 - _MISJUDGED) * probabilities + _MISJUDGED * even


def _entropy(probabilities: Tensor) -> Tensor:
    return -(probabilities * probabilities.clamp_min(1e-30).log()).sum(-1)


def _box(parameter: Parameter, steps: Tensor, reach: float) -> Callable[[Tensor], Tensor]:
    """Return what spreads probabilities ``(m, A)`` evenly over ``reach`` on both sides.

    Without it, shifts by whole pixels would be a few sharp peaks of no width.
    """
    spacing = float(steps[1] - steps[0])
    radius = int(reach / spacing + 0.5)
    if radius == 0:
        return lambda probabilities: probabilities
    distance = torch.arange(-radius, radius + 1).abs()
    weights = (reach / spacing + 0.5 - distance).clamp(0, 1)
    weights = weights / weights.sum()
    mode = "constant" if parameter.period is None else "circular"

    def spread(probabilities: Tensor) -> Tensor:
        padded = F.pad(probabilities[:, None], (radius, radius), mode=mode)
        smooth: Tensor = F.conv1d(padded, weights.to(probabilities)[None, None])[:, 0]
        return smooth / smooth.sum(-1, keepdim=True)

    return spread


def _symmetry_order(own: Tensor) -> Tensor:
    """Return how many peaks as high as that at 0 the probabilities around a circle have."""
    higher = (own >= own.roll(1, -1)) & (own > own.roll(-1, -1))
    peaks = higher & (own > 0.35 * own.amax(-1, keepdim=True))
    return peaks.sum(-1).clamp_min(1)
