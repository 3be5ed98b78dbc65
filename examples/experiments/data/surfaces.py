"""Subsample a surface: evenly distributed points, and the edges between neighbours."""

from __future__ import annotations

import heapq
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Ints", "farthest_points", "touching_cells"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def farthest_points(vertices: Floats, count: int) -> Ints:
    """Return the indices of ``count`` vertices ``(V, 3)`` by farthest point sampling.

    A smaller ``count`` returns the first indices of a larger one.

    Example:
        >>> line = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]])
        >>> farthest_points(line, 3).tolist()
        [0, 4, 2]
    """
    picked = [int(vertices[:, 1].argmin())]
    gap = np.full(len(vertices), np.inf)
    while len(picked) < count:
        gap = np.minimum(gap, np.square(vertices - vertices[picked[-1]]).sum(1))
        picked.append(int(gap.argmax()))
    return np.array(picked)


def touching_cells(vertices: Floats, faces: Ints, picked: Ints) -> Ints:
    """Return the edges ``(2, M)`` between selected vertices with adjacent cells (both directions).

    A cell is the set of points nearest to its vertex by geodesic distance on the surface, so that a
    hand and the hip are not neighbours.

    Arguments:
        vertices: ``(V, 3)``.
        faces: ``(F, corners)``, indices of vertices.
        picked: indices of vertices; edges refer to positions in it.
    """
    ends = np.concatenate([faces[:, [k - 1, k]] for k in range(faces.shape[1])])
    ends = np.unique(np.sort(ends, 1), axis=0)
    cell = _nearest(vertices, ends, picked)
    cells = cell[ends]
    border = (cells[:, 0] != cells[:, 1]) & (cells >= 0).all(1)
    pairs = np.unique(np.sort(cells[border], 1), axis=0).T
    return np.concatenate([pairs, pairs[::-1]], 1)


def _nearest(vertices: Floats, ends: Ints, picked: Ints) -> Ints:
    """Return for each vertex the index of the nearest selected one, -1 if none is connected."""
    lengths = np.linalg.norm(vertices[ends[:, 0]] - vertices[ends[:, 1]], axis=1)
    around: list[list[tuple[int, float]]] = [[] for _ in vertices]
    for (a, b), length in zip(ends.tolist(), lengths.tolist(), strict=True):
        around[a].append((b, length))
        around[b].append((a, length))
    cell = np.full(len(vertices), -1)
    queue = [(0.0, vertex, index) for index, vertex in enumerate(picked.tolist())]
    while queue:
        distance, vertex, index = heapq.heappop(queue)
        if cell[vertex] < 0:  # the first visit is the nearest (Dijkstra)
            cell[vertex] = index
            for other, length in around[vertex]:
                heapq.heappush(queue, (distance + length, other, index))
    return cell
