"""The neighbours that are edges eagerly and when compiled give the same numbers and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from eqsets import DSS, SetBatch
from eqsets_spatial.neighbors import Neighbourhood, find_neighbours

DOUBLE = torch.float64
REACHES = [
    {"radius": 1.5},
    {"radius": 1e-3},
    {"radius": 1e3},
    {"neighbors": 2},
    {"neighbors": 50},
    {"radius": 1.0, "neighbors": 3},
]


def clouds() -> Tensor:
    """Return clouds with coincident points, a point far from all, and points on a grid."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(4, 6, 3, generator=generator, dtype=DOUBLE)
    positions[0, 1] = positions[0, 0]
    positions[1, 5] = 1e6
    positions[2] = torch.arange(6.0, dtype=DOUBLE)[:, None]
    return positions


def matrix(near: Neighbourhood, size: int) -> Tensor:
    """Return the envelopes and directions of all edges, ``(size, size, 4)``."""
    values = torch.cat([near.envelope[:, None], near.envelope[:, None] * near.direction], 1)
    empty = torch.zeros(size, size, 4, dtype=values.dtype)
    return empty.index_put((near.receiver, near.sender), values, accumulate=True)


def by_loop(positions: Tensor, radius: float | None, neighbors: int | None) -> Tensor:
    """Return the same, point by point."""
    count, points = positions.shape[:2]
    result = torch.zeros(count * points, count * points, 4, dtype=DOUBLE)
    for cloud in range(count):
        for a in range(points):
            gaps = [
                float((positions[cloud, b] - positions[cloud, a]).norm()) for b in range(points)
            ]
            others = sorted((b for b in range(points) if b != a), key=lambda b: gaps[b])
            reach = float("inf") if radius is None else radius
            if neighbors is not None and len(others) > neighbors:
                reach = min(reach, gaps[others[neighbors]])
            for b in others:
                if gaps[b] < reach:
                    weight = (1 - (gaps[b] / reach) ** 2) ** 3
                    vector = positions[cloud, b] - positions[cloud, a]
                    unit = vector / gaps[b] if gaps[b] > 0 else torch.zeros(3, dtype=DOUBLE)
                    entry = torch.cat([torch.tensor([weight], dtype=DOUBLE), weight * unit])
                    result[cloud * points + a, cloud * points + b] = entry
    return result


@pytest.mark.parametrize("options", [{}, *REACHES], ids=str)
@pytest.mark.parametrize("compiling", [False, True])
def test_neighbours_are_those_of_a_plain_loop(
    options: dict[str, Any], compiling: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    positions = clouds()
    reach = {"radius": None, "neighbors": None, **options}
    near = find_neighbours(positions, **reach)
    edges = matrix(near, 24)
    torch.testing.assert_close(edges, by_loop(positions, **reach), rtol=1e-9, atol=1e-12)


def gradients(layer: DSS, x: Any, positions: Tensor) -> list[Tensor]:
    positions = positions.clone().requires_grad_()
    values = x.values if isinstance(x, SetBatch) else x
    values.requires_grad_()
    y = layer(x, structure=positions)
    out = y.values if isinstance(y, SetBatch) else y
    inputs = [values, positions, *layer.parameters()]
    return [out, *torch.autograd.grad(out.square().sum(), inputs, allow_unused=True)]


@pytest.mark.parametrize("options", REACHES, ids=str)
@pytest.mark.parametrize("ragged", [False, True])
def test_branches_for_compiled_graphs_give_the_same_gradients(
    options: dict[str, Any], ragged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = DSS("spatial", "points: 2x0e + 1x1o", "points: 2x0e + 1x1o", **options).double()
    rows = torch.randn(4, 6, 5, dtype=DOUBLE)
    positions = clouds()
    if ragged:
        x: Any = SetBatch(rows, torch.tensor([0, 1, 1, 1]), 2)
    else:
        x, positions = rows[None], positions[None]
    eager = gradients(layer, x, positions)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    compiled = gradients(layer, x, positions)
    for one, other in zip(eager, compiled, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)
