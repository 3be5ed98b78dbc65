r"""Which poses of an image are similar to other images: a kernel estimate.

Image ``i``, moved by ``a``, has squared distances :math:`D_{ij}(a)` from reference images ``j``,
and its shape has squared distances :math:`s_{ij}` from theirs:

.. math:: q_i(a) \propto \sum_j \exp(-s_{ij} / v) \, \exp(-D_{ij}(a) / h)

Both widths have the best score :math:`-\log q_i(0)` among reference images, each compared with the
others only. If no pose is preferred, the widest kernels score best: they are uniform without noise.
Then ``h`` is the narrowest whose score is nearly as good, but no narrower than the distance of
neighbours, or than interpolation artifacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Distances", "Kernel", "best_kernel", "multiples", "scores_of"]

_NEARLY = 0.05  # nats
_TIE = 1e-4


@dataclass(frozen=True, eq=False)
class Distances:
    """Squared distances of moved images from reference images.

    Attributes:
        pose: ``D_ij(a)``, ``(n, A, N)``.
        shape: ``s_ij``, ``(n, N)``; infinite where two images must not be compared.
    """

    pose: Tensor
    shape: Tensor


@dataclass(frozen=True)
class Kernel:
    """The widths: ``pose`` is ``h``, ``shape`` is ``v``.

    Example:
        >>> near = Distances(torch.tensor([[[0.0], [1.0]]]), torch.zeros(1, 1))
        >>> Kernel(pose=1.0, shape=1.0).probabilities(near)
        tensor([[0.7311, 0.2689]])
    """

    pose: float
    shape: float

    def probabilities(self, distances: Distances) -> Tensor:
        """Return ``q_i(a)``, ``(n, A)``; rows sum to 1."""
        logs = distances.pose / -self.pose - _part(distances.shape, self.shape)[:, None]
        return logs.logsumexp(-1).softmax(-1)


def scores_of(
    distances: Distances,
    zero: int,
    poses: Sequence[float],
    shapes: Sequence[float],
    orders: Sequence[int] = (1,),
) -> Tensor:
    """Return mean scores, ``(orders, poses, shapes)``, of kernels of all these widths.

    Args:
        distances: of reference images; infinite where one is compared with itself.
        zero: which step is 0.
        poses: widths ``h``.
        shapes: widths ``v``: they share the exponentials of ``D``, which dominate the cost.
        orders: divisors ``k`` of the number of steps: moves by multiples of one ``k``-th of them
            count as no move.
    """
    parts = torch.stack([_part(distances.shape, one) for one in shapes], -1)
    weights = (parts.amin(1, keepdim=True) - parts).exp()
    nearest = distances.pose.masked_fill(distances.shape.isinf()[:, None], torch.inf)
    above = (distances.pose - nearest.amin((1, 2), keepdim=True)).clamp_min(0)
    unmoved = [multiples(zero, order, above.shape[1]) for order in orders]
    rows = []
    for width in poses:
        probabilities = (above / -width).exp() @ weights + 1e-30  # (n, A, shapes)
        whole = probabilities.sum(1).log()
        scores = [whole.sub(probabilities[:, at].sum(1).log()).mean(0) for at in unmoved]
        rows.append(torch.stack(scores))
    return torch.stack(rows, 1)


def multiples(zero: int, order: int, steps: int) -> Tensor:
    """Return the indices ``(order)`` of the steps at multiples of one ``order``-th of a circle.

    Example:
        >>> multiples(6, 4, 12)
        tensor([6, 9, 0, 3])
    """
    return (zero + torch.arange(order) * (steps // order)) % steps


def best_kernel(
    poses: Sequence[float],
    shapes: Sequence[float],
    scores: Tensor,
    *,
    least: float,
    uniform: float | None,
) -> Kernel:
    """Return the kernel with the best score, the narrowest of several.

    Args:
        poses: widths ``h``, increasing.
        shapes: widths ``v``.
        scores: of all pairs, ``(poses, shapes)``.
        least: ``h`` below which nothing is valid.
        uniform: the score of the uniform distribution; ``None`` if there is nothing like it.
    """
    lowest = float(scores.min())
    flat = uniform is not None and lowest > uniform - _NEARLY
    for pose, row in zip(poses, scores, strict=True):
        slack = _NEARLY if flat and pose >= least else _TIE
        if float(row.min()) <= lowest + slack:
            return Kernel(pose, shapes[int(row.argmin())])
    raise AssertionError("the best score is among the scores")


def _part(shape: Tensor, width: float) -> Tensor:
    """Return ``s / v``; infinite stays so, also for an infinite ``v``."""
    return torch.where(shape.isinf(), torch.inf, shape / width)
