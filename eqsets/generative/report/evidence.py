r"""How one component of eta is distributed, given the prototype: by comparing pictures.

Requirements that shaped this module:

- only the *conditional* spread is a fact: where a prototype lies on its orbit is a convention;
- only *pictures* are identifiable: a square may be turned by quarter turns, a disc by any angle;
- no trained density is trusted: a wrong model may cost power, never validity.

Take the pose apart: :math:`y_i(a)` is the prototype of image ``i`` in its own pose, moved on by
``a`` along one component, with all others left out. If the data have ``a`` as a symmetry, then
:math:`y_i(a)` looks like other images do, not only :math:`y_i(0)`:

.. math:: q_i(a) \propto \sum_j K(y_i(a), y_j(0))

over reference images ``j``: a kernel estimate (:class:`~eqsets.generative.report.kernel.Kernel`) of
the distribution of the component, relative to where image ``i`` itself is. What is compared, whole
pictures or their colours, is a matter of the component (:mod:`~eqsets.generative.report.looks`).
Widths are no narrower than the grid resolves, and than the traces of interpolation. Odds are spread
over a quarter of what moves content by a pixel. Scores :math:`-\log q_i(0)` of held-out images
estimate the entropy (from above).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from eqsets.families import Parameter
from eqsets.generative.inference import Inference
from eqsets.generative.moments import centroid, grid, intensity
from eqsets.generative.report.kernel import Distances, Kernel, best_kernel, scores_of
from eqsets.generative.report.looks import Looks, looks_of
from eqsets.generative.report.poses import Poses

__all__ = ["Evidence", "gather", "steps_of"]

_STEPS = 48
_ROUND = 96
_SOME = 160  # references that the widths are tried on


@dataclass(frozen=True, eq=False)
class Evidence:
    """What held-out images say about one component.

    Attributes:
        parameter: the component.
        steps: the grid of ``a``, ``(A,)``; 0 is one of them.
        odds: ``q_i(a)`` of held-out images, ``(m, A)``; rows add up to 1.
        folds: how many steps of a whole turn leave a picture as it is, ``(m)``; 1 on lines.
        sharpness: entropy of what the kernel alone would give a picture, in nats, ``(m)``.
        floor: scores of the same kind, ``(m)``, where the references are the very same image, seen
            anew: spread that comes from inference and resolution alone.
        contrast: how much a picture changes along the component, at most, as a squared distance in
            units of that between views of one image; the median.
    """

    parameter: Parameter
    steps: Tensor
    odds: Tensor
    folds: Tensor
    sharpness: Tensor
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


def steps_of(parameter: Parameter) -> Tensor:
    """Return the grid of one component, relative to where an image is.

    Once around for circles and discrete components. On lines two poses within the searched range
    differ by up to its length, so the grid has twice its length.
    """
    if parameter.levels is not None:
        return torch.arange(parameter.levels, dtype=torch.float32)
    if parameter.period is not None:
        return (torch.arange(_ROUND) - _ROUND // 2) * (parameter.period / _ROUND)
    reach = parameter.high - parameter.low
    return (torch.arange(_STEPS + 1) - _STEPS // 2) * (2 * reach / _STEPS)


@torch.no_grad()
def gather(
    inference: Inference, place: int, references: Poses, queries: Poses, again: Sequence[Poses]
) -> Evidence:
    """Return the evidence about component ``place`` of the chart.

    Args:
        inference: what found the poses.
        place: of the component.
        references: of the images to compare with.
        queries: of the held-out images.
        again: of the held-out images, from other views.
    """
    parameter = inference.chart.parameters[place]
    steps = steps_of(parameter)
    zero, still = int(steps.abs().argmin()), torch.zeros(1)
    moved = partial(_moved, inference, place)
    pictures = moved(references, still)[:, 0]
    some = references.pick(torch.arange(min(len(pictures), _SOME)))
    looks = looks_of(pictures, moved(some.pick(torch.arange(8)), steps[[zero // 2, zero + 1]]))
    describe = partial(_described, moved, looks)
    asked = describe(queries, steps)
    anew = torch.stack([describe(one, still)[:, 0] for one in again], 1)
    tried = describe(some, steps)
    kernel = _kernel(looks, looks.distances(tried, pictures[: len(tried)]), parameter, zero)
    box = _box(parameter, steps, _reach(parameter, references.prototypes) / 4)
    odds = box(kernel.odds(looks.distances(asked, moved(queries, still)[:, 0])))
    change = (asked - asked[:, zero : zero + 1]).square().sum(-1)
    noise = (asked[:, zero, None] - anew).square().sum(-1).median().clamp_min(1e-6)
    contrast = float(change.amax(-1).median() / noise)
    alone = box((-change / kernel.pose).softmax(-1))
    entropy = _entropy(alone)
    folds = _folds(alone) if parameter.period and not parameter.levels else torch.ones(len(alone))
    itself = (-torch.cdist(asked, anew).square() / kernel.pose).logsumexp(-1)
    floor = _entropy(box(itself.softmax(-1))) - entropy - alone[:, zero].log()
    return Evidence(parameter, steps, odds, folds, entropy, floor, contrast)


def _moved(inference: Inference, place: int, poses: Poses, steps: Tensor) -> Tensor:
    """Return prototypes moved along one component, ``(n, A, C, H, W)``."""
    z = torch.zeros(len(poses.eta), len(steps), poses.eta.shape[1])
    z[..., place] = poses.eta[:, place, None] + steps
    g = inference.chart.element(z).to(poses.prototypes.dtype)
    return inference.family.act(g, poses.prototypes[:, None])


def _described(
    moved: Callable[[Poses, Tensor], Tensor], looks: Looks, poses: Poses, steps: Tensor
) -> Tensor:
    """Return what moved prototypes look like, ``(n, A, f)``; in parts, as pictures are large."""
    parts = torch.arange(len(poses.eta)).split(64)
    return torch.cat([looks.describe(moved(poses.pick(part), steps)) for part in parts])


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


def _reach(parameter: Parameter, prototypes: Tensor) -> float:
    """Return what moves the edge of the content, twice its mean radius, by a pixel."""
    side = max(prototypes.shape[-2:]) - 1
    if parameter.name.startswith("shift"):
        return 2.0 / max(side, 1)
    if parameter.name not in ("rotation", "scale", "scale_x", "scale_y", "shear"):
        return 0.0
    light = intensity(prototypes)
    light = light / light.sum(-1, keepdim=True).clamp_min(1e-6)
    places = grid(*prototypes.shape[-2:], like=prototypes)
    offsets = places - centroid(light, places)[:, None]
    radius = (light * offsets.square().sum(-1)).sum(-1).sqrt().median()
    return float(2.0 / max(side, 1) / (2 * radius).clamp(0.1, 1.0))


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
        made: Tensor = F.conv1d(wide, weights.to(odds.dtype)[None, None])[:, 0]
        return made / made.sum(-1, keepdim=True)

    return spread


def _folds(alone: Tensor) -> Tensor:
    """Return how many peaks as high as that at 0 the odds around a circle have."""
    higher = (alone >= alone.roll(1, -1)) & (alone > alone.roll(-1, -1))
    peaks = higher & (alone > 0.35 * alone.amax(-1, keepdim=True))
    return peaks.sum(-1).clamp_min(1)
