"""Sets of moving shapes: frames of a motion in random order; which is the middle one?

Shapes are points of one topology: point p corresponds between all frames of all motions. They are
generated (``experiments.data.bodies``), or read from D-FAUST files (``experiments.data.dfaust``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from experiments.data.bodies import read_bodies
from experiments.recipe import Data, endless

__all__ = [
    "FRAMES",
    "Shapes",
    "View",
    "generated_shapes",
    "make_sets",
    "nearest_to_mean",
    "shape_data",
]

FRAMES = 7  # of a set, as in the paper
_SCALE = 0.4  # metres; about the spread of the points of a body

_BODIES = {"train": (40, 8), "validation": (10, 5), "test": (20, 10)}  # bodies, motions of each
_TIMES = (0.1 * np.arange(25)).astype(np.float64)  # frames of a motion, in seconds


@dataclass(frozen=True)
class Shapes:
    """Motions of shapes.

    Arguments:
        motions: for each split, motions ``(T, P, 3)`` in metres.
        edges: ``(2, M)`` between neighbouring points on the surface.
    """

    motions: Mapping[str, Sequence[Tensor]]
    edges: Tensor


@dataclass(frozen=True)
class View:
    """How frames are sampled.

    Arguments:
        points: of a frame.
        noise: standard deviation of every coordinate, in metres.
        gap: stride of the frames of the set in the motion.
        loose: whether each frame has different points in a different order; else all frames have
            the first points.
    """

    points: int
    noise: float
    gap: int = 2
    loose: bool = False

    @property
    def length(self) -> int:
        """Number of frames of a motion that a set spans."""
        return (FRAMES - 1) * self.gap + 1


@cache
def generated_shapes(points: int) -> Shapes:
    """Return generated bodies with a number of points; splits have different bodies."""
    bodies = read_bodies(points)
    motions: dict[str, list[Tensor]] = {}
    for seed, (split, (count, each)) in enumerate(_BODIES.items()):
        generator = np.random.default_rng(seed)
        poses = []
        for _ in range(count):
            body = bodies.random_body(generator)
            poses += [
                bodies.pose(body, bodies.random_motion(_TIMES, generator)) for _ in range(each)
            ]
        motions[split] = [torch.tensor(motion, dtype=torch.float32) for motion in poses]
    return Shapes(motions, torch.tensor(bodies.edges))


def make_sets(
    motions: Sequence[Tensor], view: View, sets: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return shuffled frames ``(sets, FRAMES, points, 3)``, and the index of the middle one."""
    indices = torch.randint(len(motions), (sets,), generator=generator).tolist()
    begin = torch.rand(sets, generator=generator).tolist()
    frames = []
    for number, where in zip(indices, begin, strict=True):
        motion = motions[number]
        first = int(where * (len(motion) - view.length + 1))
        frames.append(motion[first : first + view.length : view.gap])
    clean = torch.stack(frames)
    if view.loose:
        own = torch.rand(clean.shape[:3], generator=generator).argsort(2)[:, :, : view.points]
        clean = clean.gather(2, own.unsqueeze(3).expand(-1, -1, -1, 3))
    clean = clean[:, :, : view.points]
    noisy = clean + view.noise * torch.randn(clean.shape, generator=generator)
    order = torch.rand(sets, FRAMES, generator=generator).argsort(1)
    shuffled = noisy[torch.arange(sets).unsqueeze(1), order]
    return shuffled / _SCALE, (order == FRAMES // 2).long().argmax(1)


def shape_data(shapes: Shapes, view: View, validation: int, test: int) -> Data:
    """Return an unlimited number of training sets, and fixed validation and test sets."""
    return endless(
        lambda split, sets, rng: make_sets(shapes.motions[split], view, sets, rng), validation, test
    )


def nearest_to_mean(sets: Tensor) -> Tensor:
    """Return scores ``(B, N, 1)`` without learning: minus the distance to the mean of the set."""
    gap = (sets - sets.mean(1, keepdim=True)).square().sum((2, 3))
    return -gap.unsqueeze(2)
