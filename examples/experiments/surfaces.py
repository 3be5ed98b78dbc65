"""Thin a surface out: spread points over it, and say which of them are neighbours along it."""

from __future__ import annotations

import heapq
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Ints", "farthest_points", "touching_cells"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def farthest_points(vertices: Floats, count: int) -> Ints:
    """Return the numbers of ``count`` vertices ``(V, 3)``, each as far as can be from those before.

    The first of them are spread evenly, too: fewer points are the beginning of more.

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
    """Return the edges ``(2, M)`` between picked vertices whose cells touch, in both directions.

    A cell is what lies nearest to its vertex along the surface, not through the air: a hand beside
    the hip is no neighbour of it.

    Arguments:
        vertices: ``(V, 3)``.
        faces: ``(F, corners)``, numbers of vertices.
        picked: numbers of vertices; edges number them from 0.
    """
    ends = np.concatenate([faces[:, [k - 1, k]] for k in range(faces.shape[1])])
    ends = np.unique(np.sort(ends, 1), axis=0)
    cell = _nearest(vertices, ends, picked)
    cells = cell[ends]
    border = (cells[:, 0] != cells[:, 1]) & (cells >= 0).all(1)
    pairs = np.unique(np.sort(cells[border], 1), axis=0).T
    return np.concatenate([pairs, pairs[::-1]], 1)


def _nearest(vertices: Floats, ends: Ints, picked: Ints) -> Ints:
    """Return for each vertex the place of the nearest picked one, -1 where none is reached."""
    lengths = np.linalg.norm(vertices[ends[:, 0]] - vertices[ends[:, 1]], axis=1)
    around: list[list[tuple[int, float]]] = [[] for _ in vertices]
    for (a, b), length in zip(ends.tolist(), lengths.tolist(), strict=True):
        around[a].append((b, length))
        around[b].append((a, length))
    cell = np.full(len(vertices), -1)
    waiting = [(0.0, vertex, place) for place, vertex in enumerate(picked.tolist())]
    while waiting:
        gone, vertex, place = heapq.heappop(waiting)
        if cell[vertex] < 0:  # the first to come is the nearest (Dijkstra)
            cell[vertex] = place
            for other, length in around[vertex]:
                heapq.heappush(waiting, (gone + length, other, place))
    return cell
