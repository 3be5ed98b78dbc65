r"""One parameter instead of several: whether poses differ along a single linear transformation.

A shear is not a coordinate by itself: relative to a prototype that lies in any direction, sheared
images differ in rotation, scales and shear at once. Which of these occur is a matter of the chart;
that they occur *together* is a fact. Let :math:`F_i` be the linear part of the pose of image ``i``.
For two images of one prototype, :math:`F_i F_j^{-1}` does not depend on the prototype, and its
logarithm is a combination of rotation, scale, stretch and symmetric shear,

.. math:: \log F_i F_j^{-1} = r \begin{pmatrix} 0 & -1 \\ 1 & 0 \end{pmatrix}
          + s \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}
          + t \begin{pmatrix} 1 & 0 \\ 0 & -1 \end{pmatrix}
          + h \begin{pmatrix} 0 & 1 \\ 1 & 0 \end{pmatrix} .

Held-out images are paired with a reference of a prototype that is similar in some rotation,
:math:`R_a \hat x_i \approx \hat x_j`, and :math:`F_i R_a^{-1} F_j^{-1}` is used: the
direction of a prototype is the least certain part of a pose. With the second moments of the
logarithms, less those of two views of one image, a direction ``c`` explains
:math:`c^T C c / \operatorname{tr} C`. If a shear explains nearly all, it is the description with
the fewest parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor

from eqsets.families import factors_of
from eqsets.generative.analysis.claims import ALPHA, Claim
from eqsets.generative.analysis.comparison.similarity import WholeImages
from eqsets.generative.analysis.component import steps_of
from eqsets.generative.analysis.hypotheses import TIMES, one_sided_t_test
from eqsets.generative.analysis.poses import Poses
from eqsets.generative.analysis.units import quantity
from eqsets.generative.canonicalization.inference import Inference

__all__ = ["Shear", "shear_of", "with_shear"]

_EXPLAINED = 0.85
_PAIRS = 20
_SIMILAR = 12.0  # times the squared distance of the nearest
_CHUNK = 32
_RESAMPLES = 500
_HALF = sqrt(0.5)
_SHEARS = {  # unit vectors in the basis of rotation, scale, stretch, symmetric shear
    "along x": (-_HALF, 0.0, 0.0, _HALF),
    "along y": (_HALF, 0.0, 0.0, _HALF),
    "along the diagonals": (0.0, 0.0, 0.0, 1.0),
    "along the axes": (0.0, 0.0, 1.0, 0.0),
}
_OTHERS = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, _HALF, _HALF, 0.0),
           (0.0, _HALF, -_HALF, 0.0))  # rotation, scale, and scale of one axis  # fmt: skip


@dataclass(frozen=True)
class Shear:
    """A shear that explains the differences between poses.

    Attributes:
        axis: along which it moves content, in words.
        explained: share of the differences between linear parts of poses.
        extent: half width, at least: of the off-diagonal entry, or of the logarithm of the factor.
            Similar prototypes have poses that are more similar than those of two images are.
        interval: its 95 % bootstrap interval.
        p_absent: of H0 "the spread is at most 1.5 times that of views of one image".
        rotation: half width of the rotation in the equivalent description.
    """

    axis: str
    explained: float
    extent: float
    interval: tuple[float, float]
    p_absent: float
    rotation: float


@torch.no_grad()
def shear_of(
    inference: Inference, references: Poses, queries: Poses, views: Poses, seed: int
) -> Shear | None:
    """Return the shear that is the only linear transformation between poses, if one is.

    Args:
        inference: of the poses.
        references: of images to compare with.
        queries: of held-out images.
        views: of the held-out images, from other views.
        seed: of the bootstrap.
    """
    turns = _turns(inference)
    if turns is None or len(queries.eta) < _PAIRS:
        return None
    known, asked, again = (_linear(inference, one.eta) for one in (references, queries, views))
    similarity = WholeImages(references.prototypes, inference.family.domain)
    turned = _turned(inference, similarity, turns, queries)  # (m, A, f)
    back = torch.linalg.inv(_linear(inference, turns))
    distances, turn = torch.cdist(turned, similarity.references[None]).square().min(1)  # (m, N)
    index = _neighbours(distances, torch.Generator().manual_seed(seed))
    turn = turn.gather(1, index[:, None])[:, 0]
    differences, fine = _logarithm(asked @ back[turn] @ torch.linalg.inv(known[index]))
    itself = similarity.describe(views.prototypes)[:, None]
    turn = (turned - itself).square().sum(-1).argmin(-1)
    errors, sure = _logarithm(asked @ back[turn] @ torch.linalg.inv(again))
    both = fine & sure
    if both.double().mean() < 0.8 or int(both.sum()) < _PAIRS:
        return None
    v, e = differences[both], errors[both]
    excess = v[:, :, None] * v[:, None] - e[:, :, None] * e[:, None]  # (m, 4, 4)
    shares = {axis: _share(excess.mean(0), c) for axis, c in _SHEARS.items()}
    axis, best = max(shares.items(), key=lambda item: item[1])
    if best < max(_EXPLAINED, *(_share(excess.mean(0), c) for c in _OTHERS)):
        return None
    c = torch.tensor(_SHEARS[axis], dtype=v.dtype)
    along, noise = (v @ c).square(), (e @ c).square()
    p_absent = one_sided_t_test(along - TIMES**2 * noise)
    if p_absent >= ALPHA:
        return None
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(v), (_RESAMPLES, len(v)), generator=generator)
    # the difference of two uniform values has 2/3 of the squared half width as its variance
    unit = sqrt(2.0) if axis in ("along x", "along y") else 1.0
    extents = unit * ((along - noise)[drawn].mean(1).clamp_min(0) * 1.5).sqrt()
    ends = extents.quantile(torch.tensor([0.025, 0.975], dtype=extents.dtype)).tolist()
    return Shear(
        axis,
        best,
        unit * sqrt(max(0.0, 1.5 * float((along - noise).mean()))),
        (ends[0], ends[1]),
        p_absent,
        abs(float(c[0])) * sqrt(max(0.0, 1.5 * float((along - noise).mean()))),
    )


def with_shear(claims: Sequence[Claim], shear: Shear | None) -> tuple[Claim, ...]:
    """Return claims in which a shear replaces what it explains: rotation, scales and shear."""
    linear = ("rotation", "scale", "shear")
    partial = [one for one in claims if one.role in linear and one.verdict == "partial"]
    if shear is None or not partial:
        return tuple(claims)
    return tuple(_replaced(one, shear) if one.role in linear else one for one in claims)


def _replaced(claim: Claim, shear: Shear) -> Claim:
    name = claim.name.replace("_", " ")
    if claim.role != "shear":
        return replace(claim, verdict="absent", sentence=f"{name}: only as a part of the shear")
    same = ""
    if shear.rotation:
        turned = quantity(shear.rotation, "radians")
        same = (
            f"; the same as rotation by ±{turned} with a symmetric shear by ±{shear.extent / 2:.2g}"
        )
    words = f"{shear.axis}, by ±{shear.extent:.2g} at least{same}"
    return replace(
        claim,
        verdict="partial",
        sentence=f"{name}: {words}",
        extent=shear.extent,
        interval=shear.interval,
        p_absent=shear.p_absent,
    )


def _factor(inference: Inference) -> int | None:
    """Return which factor of a family is of affine maps of the plane with shear, if one is."""
    for index, factor in enumerate(factors_of(inference.family)):
        roles = {one.role for one in factor.chart().parameters}
        if factor.group.element_shape == (3, 3) and {"rotation", "scale", "shear"} <= roles:
            return index
    return None


def _linear(inference: Inference, eta: Tensor) -> Tensor:
    """Return the linear parts ``(n, 2, 2)`` of group elements with coordinates ``(n, k)``."""
    part = inference.family.unpack(inference.chart.element(eta))[_factor(inference) or 0]
    return part[..., :2, :2].double().cpu()


def _turns(inference: Inference) -> Tensor | None:
    """Return coordinates ``(A, k)`` of rotations; ``None`` where there are no affine maps."""
    parameters = inference.chart.parameters
    index = next((i for i, one in enumerate(parameters) if one.role == "rotation"), None)
    if index is None or _factor(inference) is None:
        return None
    steps = steps_of(parameters[index])
    eta = torch.zeros(len(steps), len(parameters))
    eta[:, index] = steps
    return eta


def _neighbours(distances: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random reference ``(m)`` of those that are similar to each image.

    Not the nearest: interpolation leaves a trace in prototypes, so that it has a similar pose.
    """
    near = distances <= _SIMILAR * distances.amin(1, keepdim=True)
    return torch.multinomial(near.double(), 1, generator=generator)[:, 0]


def _turned(inference: Inference, similarity: WholeImages, turns: Tensor, poses: Poses) -> Tensor:
    """Return features ``(n, A, f)`` of prototypes in all rotations."""
    g = inference.chart.element(turns).to(poses.prototypes)
    rows = [
        similarity.describe(inference.family.act(g, some[:, None]))
        for some in poses.prototypes.split(_CHUNK)
    ]
    return torch.cat(rows)


def _logarithm(h: Tensor) -> tuple[Tensor, Tensor]:
    """Return logarithms ``(n, 4)`` of matrices, and which are of less than a quarter turn."""
    size = torch.linalg.det(h).clamp_min(1e-12).sqrt()
    unit = h / size[:, None, None]
    half = (unit[:, 0, 0] + unit[:, 1, 1]) / 2
    turning = half.clamp(-1 + 1e-9, 1 - 1e-9).acos()
    stretching = half.clamp_min(1 + 1e-9).acosh()
    factor = torch.where(half < 1, turning / turning.sin(), stretching / stretching.sinh())
    a, b, c = (factor * unit[:, i, j] for i, j in ((0, 0), (0, 1), (1, 0)))
    rotation, scale = (c - b) / 2, size.log()
    stretch, shear = a - factor * half, (b + c) / 2
    return torch.stack([rotation, scale, stretch, shear], -1), half > 0


def _share(square: Tensor, direction: Sequence[float]) -> float:
    c = torch.tensor(direction, dtype=square.dtype)
    return float(c @ square @ c / square.trace().clamp_min(1e-12))
