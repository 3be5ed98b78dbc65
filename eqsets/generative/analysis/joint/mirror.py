r"""Whether mirror images occur as well: evidence, as about any other component.

Reflections and rotations do not commute, and which axis an image is mirrored at is a convention of
its prototype. So a mirror image is compared with others up to a rotation: with image ``i`` in its
own pose, without shift, scale and shear, :math:`R_a` a rotation and :math:`M` a reflection,

.. math:: D_{ij}(m) = \min_a \lVert R_a M^m y_i - y_j \rVert^2, \qquad m \in \{0, 1\} .

Where the data are invariant under some reflection, :math:`D_{i \cdot}(0)` and
:math:`D_{i \cdot}(1)` are exchangeable, whatever the axis is. Objects that are their own mirror
images, such as most hearts and squares, say nothing, and the floor counts them as such.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eqsets.families import Parameter
from eqsets.generative.analysis.comparison.kernel import Distances
from eqsets.generative.analysis.comparison.similarity import ImageSimilarity, WholeImages
from eqsets.generative.analysis.comparison.widths import tune
from eqsets.generative.analysis.component import Component
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.poses import Poses

__all__ = ["MIRROR", "gather_mirror"]

MIRROR = Parameter.discrete("mirror", "reflections", 2, "reflection")
"""The component: 0 as it is, 1 mirrored."""

_SOME = 160  # references that the widths are tried on
_ANGLES = 60
_CHUNK = 32


@torch.no_grad()
def gather_mirror(
    components: Sequence[Component], references: Poses, queries: Poses, repeats: Sequence[Poses]
) -> Evidence:
    """Return the evidence about mirror images, on the CPU.

    Args:
        components: all those of the chart of the inference.
        references: of the images to compare with, ``(n, C, H, W)``.
        queries: of the held-out images.
        repeats: of the held-out images, from other views.
    """
    rotation = next((one for one in components if one.parameter.role == "rotation"), None)
    turned = _Turned(rotation)
    images = turned.unmoved(references)
    similarity = WholeImages(images, components[0].family.domain)
    some = torch.arange(min(len(images), _SOME))
    known = similarity.references
    tuned = tune(
        similarity,
        _between(turned.features(similarity, references.pick(some)), known),
        MIRROR,
        0,
    )
    kernel = tuned[1].kernel
    features = turned.features(similarity, queries)
    probabilities = kernel.probabilities(_between(features, known))
    own = features[:, 0, turned.zero]  # (m, f)
    others = torch.stack([similarity.describe(turned.unmoved(one)) for one in repeats], 1)
    noise = (own[:, None] - others).square().sum(-1).median().clamp_min(1e-6)
    change = _nearest(features, own[:, None])[..., 0]  # (m, 2)
    itself = (-change / kernel.pose).softmax(-1)
    same = (-_nearest(features, others) / kernel.pose).logsumexp(-1).softmax(-1)
    floor = _entropy(same) - _entropy(itself) - itself[:, 0].log()
    return Evidence(
        MIRROR,
        torch.arange(2, dtype=torch.float32),
        probabilities.cpu(),
        torch.ones(len(own)),
        floor.cpu(),
        float(change.amax(-1).median() / noise),
        components[0].family.domain.noun,
    )


class _Turned:
    """Images and mirror images in all rotations, or in one if the family has no rotations.

    Arguments:
        rotation: the component.

    Attributes:
        zero: which rotation is none.
    """

    def __init__(self, rotation: Component | None) -> None:
        self.rotation, self.zero = rotation, 0
        if rotation is not None:
            step = max(1, len(rotation.steps) // _ANGLES)
            self.steps = rotation.steps[rotation.zero % step :: step]
            self.zero = int(self.steps.abs().argmin())

    def unmoved(self, poses: Poses) -> Tensor:
        """Return images ``(n, C, H, W)`` in their own rotation."""
        if self.rotation is None:
            return poses.prototypes
        return self.rotation.moved(poses, torch.zeros(1))[:, 0]

    def features(self, similarity: ImageSimilarity, poses: Poses) -> Tensor:
        """Return features ``(n, 2, A, f)`` of images and mirror images in all rotations."""
        rows = []
        for some in poses.portions(1 if self.rotation is None else 2 * len(self.steps)):
            moved = some.prototypes[:, None]
            if self.rotation is not None:
                moved = self.rotation.moved(some, self.steps)
            both = torch.stack([moved, moved.flip(-1)], 1)
            rows.append(similarity.describe(both))
        return torch.cat(rows)


def _between(features: Tensor, references: Tensor) -> Distances:
    """Return distances ``(n, 2, N)`` up to a rotation."""
    parts = [_nearest(some, references[None]) for some in features.split(_CHUNK)]
    return Distances(torch.cat(parts), features.new_zeros(len(features), len(references)))


def _nearest(features: Tensor, others: Tensor) -> Tensor:
    """Return the least squared distance over rotations, ``(n, 2, N)``.

    Args:
        features: ``(n, 2, A, f)``.
        others: ``(n or 1, N, f)``.
    """
    square = torch.cdist(features, others[:, None].to(features)).square()
    nearest: Tensor = square.amin(-2)
    return nearest


def _entropy(probabilities: Tensor) -> Tensor:
    return -(probabilities * probabilities.clamp_min(1e-30).log()).sum(-1)
