r"""How one component of eta is distributed, given the prototype: by comparing pictures.

Requirements that shaped this module:

- only the *conditional* spread is a fact: where a prototype lies on its orbit is a convention;
- only *pictures* are identifiable: a square may be turned by quarter turns, a disc by any angle;
- no trained density is trusted: a wrong model may cost power, never validity.

Take the pose apart: :math:`y_i(a)` is the prototype of image ``i`` in its own pose, moved on by
``a`` along one component, with all others left out. If the data have ``a`` as a symmetry, then
:math:`y_i(a)` looks like other images do, not only :math:`y_i(0)`:

.. math:: q_i(a) = \frac{\sum_j K_h(\lVert y_i(a) - y_j(0) \rVert^2)}
          {\sum_{a'} \sum_j K_h(\lVert y_i(a') - y_j(0) \rVert^2)}

over reference images ``j``: a kernel estimate of the distribution of the component, relative to
where image ``i`` itself is. Its width ``h`` is the one with the best leave-one-out score among the
reference images. Where nothing is found, kernels so wide that everything looks alike score best:
they are uniform without noise. Then it is the narrowest whose score is nearly as good, but no
narrower than neighbours are apart, or than the traces of interpolation. Odds are spread over a
quarter of what moves content by a pixel. Scores :math:`-\log q_i(0)` of held-out images estimate
the entropy (from above).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from eqsets.families import Parameter
from eqsets.generative.inference import Inference
from eqsets.generative.losses import blur
from eqsets.generative.moments import centroid, grid, intensity
from eqsets.generative.report.poses import Poses

__all__ = ["Evidence", "gather", "steps_of"]

_STEPS = 48
_ROUND = 96
_FEATURES = 48
_BLUR = 0.7  # pixels: hides what interpolation leaves
_NEARLY = 0.05  # nats
_TRACES = 0.002  # of the energy of a picture: what interpolation changes in a disc that is turned
_WIDTHS = tuple(2.0 ** (k / 2) for k in range(-8, 7))  # of the median squared distance to the next


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
    """

    parameter: Parameter
    steps: Tensor
    odds: Tensor
    folds: Tensor
    sharpness: Tensor
    floor: Tensor

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
    own = _pictures(inference, place, references, torch.zeros(1))[:, 0]
    middle = own.mean(0)
    basis = _basis(own - middle)
    seen = (own - middle) @ basis
    moved = _pictures(inference, place, references.pick(_some(references)), steps)
    traces = _TRACES * float((own + 1).square().sum(-1).median())
    tried = _widths(parameter, (moved - middle) @ basis, seen, _some(references), steps)
    width = _best_width(*tried, traces, None if parameter.period is None else log(len(steps)))
    asked = (_pictures(inference, place, queries, steps) - middle) @ basis
    logs = -torch.cdist(asked.flatten(0, 1), seen).square() / width
    box = _box(parameter, steps, _reach(parameter, references.prototypes) / 4)
    odds = box(logs.logsumexp(-1).unflatten(0, asked.shape[:2]).softmax(-1))
    zero = int(steps.abs().argmin())
    alone = (-(asked - asked[:, zero : zero + 1]).square().sum(-1) / width).softmax(-1)
    alone = box(alone)
    entropy = _entropy(alone)
    folds = _folds(alone) if parameter.period and not parameter.levels else torch.ones(len(alone))
    seen_again = torch.stack(
        [_pictures(inference, place, one, torch.zeros(1))[:, 0] for one in again], 1
    )
    itself = (-torch.cdist(asked, (seen_again - middle) @ basis).square() / width).logsumexp(-1)
    floor = _entropy(box(itself.softmax(-1))) - entropy - alone[:, zero].log()
    return Evidence(parameter, steps, odds, folds, entropy, floor)


def _some(poses: Poses) -> Tensor:
    return torch.arange(min(len(poses.eta), 160))


def _pictures(inference: Inference, place: int, poses: Poses, steps: Tensor) -> Tensor:
    """Return ``(n, A, P)``: pixels of prototypes moved along one component."""
    family = inference.family
    z = torch.zeros(len(poses.eta), len(steps), poses.eta.shape[1])
    z[..., place] = poses.eta[:, place, None] + steps
    rows = []
    for some, made in zip(z.split(64), poses.prototypes.split(64), strict=True):
        moved = family.act(inference.chart.element(some).to(made.dtype), made[:, None])
        rows.append(blur(moved.flatten(0, 1), _BLUR).flatten(1).unflatten(0, some.shape[:2]))
    return torch.cat(rows)


def _entropy(odds: Tensor) -> Tensor:
    return -(odds * odds.clamp_min(1e-30).log()).sum(-1)


def _basis(centred: Tensor) -> Tensor:
    """Return the principal directions ``(P, f)`` of pictures ``(n, P)``."""
    count = min(_FEATURES, *centred.shape)
    basis: Tensor = torch.linalg.svd(centred, full_matrices=False).Vh[:count].mT
    return basis


def _widths(
    parameter: Parameter, moved: Tensor, seen: Tensor, which: Tensor, steps: Tensor
) -> tuple[list[float], list[float], float]:
    """Return widths, their leave-one-out scores, and the squared distance of neighbours."""
    zero = int(steps.abs().argmin())
    squares = torch.cdist(moved.flatten(0, 1), seen).square().unflatten(0, moved.shape[:2])
    squares[torch.arange(len(which)), :, which] = torch.inf
    nearest = float(squares[:, zero].amin(-1).median().clamp_min(1e-6))
    step = float((moved[:, zero] - moved[:, (zero + 1) % len(steps)]).square().sum(-1).median())
    # Not below what a fine grid resolves; the next level of a discrete one is another picture.
    least = 0.0 if parameter.levels else step / 2
    widths = [max(nearest * factor, least) for factor in _WIDTHS]
    odds = [(-squares / width).logsumexp(-1).log_softmax(-1) for width in widths]
    return widths, [-float(one[:, zero].mean()) for one in odds], nearest


def _best_width(
    widths: Sequence[float],
    scores: Sequence[float],
    nearest: float,
    traces: float,
    uniform: float | None,
) -> float:
    """Return the width with the best score; see above for where that is nearly ``uniform``."""
    lowest = min(scores)
    nothing = uniform is not None and lowest > uniform - _NEARLY
    for width, score in zip(widths, scores, strict=True):
        slack = _NEARLY if nothing and width >= max(0.99 * nearest, traces) else 1e-4
        if score <= lowest + slack:
            return width
    return widths[-1]


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
