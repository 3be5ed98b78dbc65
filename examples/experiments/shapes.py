"""Sets of moving shapes: frames of a motion in any order; which is the middle one?

Shapes are points of one topology: point p is the same place of the body in every frame of every
motion. They come from bodies made here, or from D-FAUST files (``experiments.dfaust``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from experiments.bodies import read_bodies
from experiments.recipe import Data, endless

__all__ = ["FRAMES", "Shapes", "View", "made_shapes", "make_sets", "nearest_to_mean", "shape_data"]

FRAMES = 7  # of a set, as in the paper
_SCALE = 0.4  # metres; about the spread of the points of a body

_BODIES = {"train": (40, 8), "validation": (10, 5), "test": (20, 10)}  # bodies, motions of each
_TIMES = 0.1 * np.arange(25)  # frames of a motion, in seconds


@dataclass(frozen=True)
class Shapes:
    """Motions of shapes.

    Arguments:
        motions: for each split, motions ``(T, P, 3)`` in metres, first frame first.
        edges: ``(2, M)`` between the points that are neighbours along the surface.
    """

    motions: Mapping[str, Sequence[Tensor]]
    edges: Tensor


@dataclass(frozen=True)
class View:
    """How frames are seen.

    Arguments:
        points: of a frame.
        noise: standard deviation of every coordinate, in metres.
        gap: frames of the motion from one frame of the set to the next.
        loose: each frame has points of its own, in an order of its own, out of all that are known;
            else the first.
    """

    points: int
    noise: float
    gap: int = 2
    loose: bool = False

    @property
    def length(self) -> int:
        """Frames of a motion that a set needs."""
        return (FRAMES - 1) * self.gap + 1


@cache
def made_shapes(points: int) -> Shapes:
    """Return made bodies with so many points; no body and no motion is in two splits."""
    bodies = read_bodies(points)
    motions: dict[str, list[Tensor]] = {}
    for seed, (split, (count, each)) in enumerate(_BODIES.items()):
        generator = np.random.default_rng(seed)
        found = []
        for _ in range(count):
            body = bodies.random_body(generator)
            found += [
                bodies.pose(body, bodies.random_motion(_TIMES, generator)) for _ in range(each)
            ]
        motions[split] = [torch.tensor(motion, dtype=torch.float32) for motion in found]
    return Shapes(motions, torch.tensor(bodies.edges))


def make_sets(
    motions: Sequence[Tensor], view: View, sets: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return shuffled frames ``(sets, FRAMES, points, 3)``, and where the middle one is."""
    picked = torch.randint(len(motions), (sets,), generator=generator).tolist()
    begin = torch.rand(sets, generator=generator).tolist()
    frames = []
    for number, where in zip(picked, begin, strict=True):
        motion = motions[number]
        first = int(where * (len(motion) - view.length + 1))
        frames.append(motion[first : first + view.length : view.gap])
    clean = torch.stack(frames)
    if view.loose:
        own = torch.rand(clean.shape[:3], generator=generator).argsort(2)[:, :, : view.points]
        clean = clean.gather(2, own.unsqueeze(3).expand(-1, -1, -1, 3))
    clean = clean[:, :, : view.points]
    seen = clean + view.noise * torch.randn(clean.shape, generator=generator)
    order = torch.rand(sets, FRAMES, generator=generator).argsort(1)
    shuffled = seen[torch.arange(sets).unsqueeze(1), order]
    return shuffled / _SCALE, (order == FRAMES // 2).long().argmax(1)


def shape_data(shapes: Shapes, view: View, validation: int, test: int) -> Data:
    """Return sets without end to train on, and fixed ones to validate and test on."""
    return endless(
        lambda split, sets, rng: make_sets(shapes.motions[split], view, sets, rng), validation, test
    )


def nearest_to_mean(sets: Tensor) -> Tensor:
    """Return scores ``(B, N, 1)`` without learning: how near a frame is to the mean of the set."""
    gap = (sets - sets.mean(1, keepdim=True)).square().sum((2, 3))
    return -gap.unsqueeze(2)
