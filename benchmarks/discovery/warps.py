"""Warp 512 images of 28 x 28 pixels: against torch's grid_sample, scipy, and a simple spline.

The published JAX code does 4,480 images/s at order 3 and 99,000 at order 1, forward, on two CPUs of
this kind under load: these are the goals. References warp in the same run, taking turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from benchmarks.report import Row
from benchmarks.timing import Effort, Timings, interleave
from eqsets import transformation
from eqsets_affine.warping.spline import spline_matrix

__all__ = ["warps"]

COUNT, SIZE = 512, 28
PUBLISHED = {1: 99_000.0, 3: 4_480.0}
FAMILY = transformation("affine-no-shear")


def warps(effort: Effort) -> Iterator[Row]:
    """Yield images per second, and the relative time of the references."""
    generator = torch.Generator().manual_seed(0)
    eta = FAMILY.sample(COUNT, generator=generator)
    x = 2 * torch.rand(COUNT, 1, SIZE, SIZE, generator=generator) - 1
    above = torch.randn(x.shape, generator=generator)
    for order, reference, known in ((1, "grid_sample", _sampled), (3, "16 gathers", _gathered)):
        forward = {
            "ours": lambda order=order: FAMILY.act(FAMILY.element(eta), x, order=order),
            reference: lambda known=known: known(eta, x),
        }
        if order == 3:
            forward["scipy.ndimage"] = lambda: _scipy(eta, x)
        _agree(forward["ours"](), forward[reference]())
        timings = interleave(forward, effort)
        yield from _rows(timings, f"order {order}, forward", PUBLISHED[order])
        both = {name: _with_backward(run, eta, above) for name, run in _leafy(x, order, known)}
        yield from _rows(
            interleave(both, effort), f"order {order}, forward and backward to eta", None
        )


def _leafy(
    x: Tensor, order: int, known: Callable[[Tensor, Tensor], Tensor]
) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    yield "ours", lambda eta: FAMILY.act(FAMILY.element(eta), x, order=order)
    yield {1: "grid_sample", 3: "16 gathers"}[order], lambda eta: known(eta, x)


def _with_backward(
    run: Callable[[Tensor], Tensor], eta: Tensor, above: Tensor
) -> Callable[[], None]:
    def once() -> None:
        run(eta.detach().requires_grad_()).backward(above)

    return once


def _rows(timings: Timings, what: str, goal: float | None) -> Iterator[Row]:
    speeds = [COUNT / seconds for seconds in timings.wall["ours"]]
    low, median, high = statistics.quantiles(speeds, n=4)
    yield Row(
        f"warp, {what}",
        f"{COUNT} x {SIZE} x {SIZE}",
        median,
        "images/s",
        low,
        high,
        statistics.median(COUNT / seconds for seconds in timings.cpu["ours"]),
        foreign=timings.foreign,
        goal=None if goal is None else (">=", goal),
    )
    for name in timings.wall:
        if name != "ours":
            yield Row.of(f"{name} over ours", what, timings.ratio(name, "ours"))


def _agree(ours: Tensor, other: Tensor) -> None:
    """Check that the alternatives are equal in the interior."""
    gap = (ours - other)[..., 8:20, 8:20].abs()
    if gap.median() > 1e-4:
        raise ArithmeticError(f"the warps differ by {float(gap.median()):.0e}, expected rounding.")


def _backward_matrices(eta: Tensor) -> Tensor:
    return FAMILY.group.inverse(FAMILY.element(eta))[:, :2]


def _sampled(eta: Tensor, x: Tensor) -> Tensor:
    grid = F.affine_grid(_backward_matrices(eta), list(x.shape), align_corners=True)
    return F.grid_sample(x + 1, grid, align_corners=True) - 1


def _gathered(eta: Tensor, x: Tensor) -> Tensor:
    """Evaluate the cubic spline by its definition, with derivatives by autograd."""
    grid = F.affine_grid(_backward_matrices(eta), list(x.shape), align_corners=True)
    position = (grid + 1) / 2 * (SIZE - 1)
    outside = ((position < 0) | (position > SIZE - 1)).any(-1)[:, None]
    position = position.clamp(0, SIZE - 1)
    prefilter = spline_matrix(SIZE).float()
    c = (prefilter @ x @ prefilter.mT).flatten(1)
    cell = position.detach().floor().clamp(max=SIZE - 2)
    column, row = cell.long().unbind(-1)
    weights = [_basis(position - cell - tap) for tap in (-1, 0, 1, 2)]
    y = torch.zeros_like(x[:, 0])
    for j in range(4):
        for i in range(4):
            index = (row + j) * (SIZE + 2) + column + i
            taps = c.gather(1, index.flatten(1)).view_as(y)
            y = y + weights[i][..., 0] * weights[j][..., 1] * taps
    return torch.where(outside, -1.0, y[:, None])


def _basis(t: Tensor) -> Tensor:
    t = t.abs()
    near = 2 / 3 - t * t + t * t * t / 2
    return torch.where(t < 1, near, (2 - t).clamp(min=0) ** 3 / 6)


def _scipy(eta: Tensor, x: Tensor) -> list[np.ndarray]:
    half = (SIZE - 1) / 2
    moved = []
    for one, image in zip(_backward_matrices(eta).numpy(), x[:, 0].numpy(), strict=True):
        matrix = one[:, :2][::-1, ::-1]
        offset = half + half * one[::-1, 2] - matrix @ np.array([half, half])
        moved.append(ndimage.affine_transform(image, matrix, offset, order=3, cval=-1))
    return moved
