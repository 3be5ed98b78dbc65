"""The widths of kernels with the best score among references, for each order of subgroups."""

from __future__ import annotations

from math import log
from typing import NamedTuple

import torch

from eqsets.families import Parameter
from eqsets.generative.analysis.comparison.kernel import Distances, Kernel, best_kernel, scores_of
from eqsets.generative.analysis.comparison.similarity import ImageSimilarity
from eqsets.generative.analysis.subgroup import orders_of

__all__ = ["Tuned", "tune"]


class Tuned(NamedTuple):
    """A kernel, and by how many nats it predicts references better than a uniform distribution."""

    kernel: Kernel
    gain: float


def tune(
    similarity: ImageSimilarity, distances: Distances, parameter: Parameter, zero: int
) -> dict[int, Tuned]:
    """Return the best kernel for each order of subgroups of the parameter, and for 1: no subgroup.

    Args:
        similarity: of images, with the widths to try.
        distances: of references, the first of which are moved.
        parameter: the component.
        zero: which step is 0.
    """
    count, steps = distances.pose.shape[:2]
    one = torch.arange(count)
    step = float(distances.pose[one, (zero + 1) % steps, one].median())
    distances.shape[one, one] = torch.inf
    own = distances.pose[:, zero].masked_fill(distances.shape.isinf(), torch.inf)
    nearest = float(own.amin(-1).median().clamp_min(1e-6))
    # Not below the resolution of a fine grid. The next level of a discrete one is another image,
    # and between two steps of a colour on a line there are enough images.
    coarse = parameter.levels is not None or (similarity.artifact == 0 and parameter.period is None)
    poses = [
        max(nearest * factor, 0.0 if coarse else step / 2) for factor in similarity.pose_widths
    ]
    unlike = float(distances.shape.amin(-1).median().clamp_min(1e-6))
    shapes = [unlike * factor for factor in similarity.shape_widths]
    least = max(0.99 * nearest, similarity.artifact) if similarity.artifact else 0.0
    orders = (1, *orders_of(parameter))
    tuned = {}
    for order, scores in zip(
        orders, scores_of(distances, zero, poses, shapes, orders), strict=True
    ):
        uniform = log(steps // order)
        kernel = best_kernel(
            poses, shapes, scores, least=least, uniform=uniform if parameter.period else None
        )
        tuned[order] = Tuned(kernel, uniform - float(scores.min()))
    return tuned
