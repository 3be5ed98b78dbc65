"""A skeleton: rotations of bones, linear blend skinning of points, oscillating joints.

All rotations are axis times angle in radians, in the axes of the resting body: x to its left, y up,
z to the front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from experiments.data.surfaces import Floats

__all__ = ["Skeleton"]

_FRONT = np.array([0.0, 0.0, 1.0])
_MIRROR = np.array([1, -1, -1])  # of a rotation axis, from left to right

# Bone, axis, minimum and maximum angle in degrees; "bend" rotates a lower arm to the front.
_SWINGS: tuple[tuple[str, str, float, float], ...] = (
    ("thigh", "x", -80, 25),
    ("thigh", "z", -5, 30),
    ("calf", "x", 0, 90),
    ("upperarm", "z", -25, 90),
    ("upperarm", "y", -60, 30),
    ("lowerarm", "bend", 0, 110),
    ("spine_01", "x", -10, 20),
    ("spine_02", "y", -20, 20),
    ("spine_03", "z", -12, 12),
    ("neck_01", "y", -35, 35),
)


@dataclass(frozen=True)
class Skeleton:
    """Bones by name, parents before children.

    Arguments:
        names: of the bones.
        parents: index of the parent of each, -1 for a root.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]

    @classmethod
    def of(cls, parents: Mapping[str, str]) -> Skeleton:
        """Return the skeleton with named parents; the parent of a root is ""."""

        def depth(name: str) -> int:
            return 1 + depth(parents[name]) if parents[name] else 0

        names = sorted(parents, key=lambda name: (depth(name), name))
        indices = [names.index(parents[name]) if parents[name] else -1 for name in names]
        return cls(tuple(names), tuple(indices))

    def pose(self, points: Floats, heads: Floats, weights: Floats, turns: Floats) -> Floats:
        r"""Rotate every bone about its start, together with its children.

        .. math:: p'_t = \sum_j w_{p j} (R_{t j} p + s_{t j})

        Arguments:
            points: ``(P, 3)`` at rest.
            heads: ``(J, 3)``, start points of the bones.
            weights: ``(P, J)`` of the points; rows sum to one.
            turns: ``(T, J, 3)``.

        Returns:
            Points ``(T, P, 3)``.
        """
        shifts, rotations = np.zeros_like(turns), _rotations(turns)
        for bone, parent in enumerate(self.parents):
            begin = heads[bone]
            if parent >= 0:
                rotations[:, bone] = rotations[:, parent] @ rotations[:, bone]
                begin = rotations[:, parent] @ begin + shifts[:, parent]
            shifts[:, bone] = begin - rotations[:, bone] @ heads[bone]
        frames, count = len(turns), len(self.names)
        blended = (weights @ rotations.reshape(frames, count, 9)).reshape(frames, -1, 3, 3)
        posed: Floats = np.einsum("tpxy,py->tpx", blended, points) + weights @ shifts
        return posed

    def swing(self, heads: Floats, times: Floats, generator: np.random.Generator) -> Floats:
        """Return oscillating rotations of every joint in its range, with random frequencies.

        Arguments:
            heads: ``(J, 3)`` of the template, for the axis of the elbows.
            times: ``(T,)`` in seconds.
            generator: of frequencies, ranges and phases.

        Returns:
            ``(T, J, 3)``, for :meth:`pose`.
        """
        turns = np.zeros((len(times), len(self.names), 3))
        for name, direction, low, high in _SWINGS:
            for side in ("",) if name in self.names else ("_l", "_r"):
                wide = generator.uniform(0.3, 1) * (high - low) / 2
                middle = generator.uniform(low + wide, high - wide)
                phase, rate = generator.random(), generator.uniform(0.2, 0.6)  # period; hertz
                angle = middle + wide * np.sin(2 * np.pi * (phase + rate * times))
                bone, axis = self._axis(name, side, direction, heads)
                turns[:, bone] += np.deg2rad(angle)[:, None] * axis
        return turns

    def _axis(self, name: str, side: str, direction: str, heads: Floats) -> tuple[int, Floats]:
        bone = self.names.index(name + side)
        if direction == "bend":
            along = heads[self.names.index("hand" + side)] - heads[bone]
            across = np.cross(along, _FRONT)
            return bone, across / np.linalg.norm(across)
        axis = np.eye(3)["xyz".index(direction)]
        return bone, axis * _MIRROR if side == "_r" else axis


def _rotations(turns: Floats) -> Floats:
    """Return matrices ``(..., 3, 3)`` of axis-angles ``(..., 3)``, by Rodrigues' formula."""
    angle = np.linalg.norm(turns, axis=-1)[..., None, None]
    axis = turns[..., None] / np.maximum(angle, 1e-12)
    x, y, z = np.moveaxis(axis[..., 0], -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    result: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return result
