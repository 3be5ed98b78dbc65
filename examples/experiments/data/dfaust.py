"""Read local files of D-FAUST registrations; nothing is downloaded.

``registrations_f.hdf5`` and ``registrations_m.hdf5`` hold an array ``(6890, 3, T)`` for every
sequence, by subject and name (``50004_chicken_wings``), in metres at 60 frames per second, and
their common triangles (``faces``).

Reference: Dynamic FAUST: Registering Human Bodies in Motion, Bogo, Romero, Pons-Moll, Black, CVPR
2017, https://dfaust.is.tue.mpg.de.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eqsets import OptionError
from experiments.data.folders import SPLITS
from experiments.data.shapes import Shapes
from experiments.data.surfaces import farthest_points, touching_cells

__all__ = ["load_dfaust"]

_FACES = "faces"


def load_dfaust(path: Path, points: int, frames: int) -> Shapes:
    """Return the sequences of one file, or of all ``.hdf5`` files of a folder.

    Subjects are in one split only: of every five, in the order of their numbers, the fourth is for
    validation and the fifth for tests.

    Arguments:
        path: file or folder.
        points: of a shape, evenly distributed over the first shape; they correspond in all.
        frames: shorter sequences are ignored.

    Raises:
        OptionError: the file is missing or not of D-FAUST, h5py is not installed, or a split is
            empty.
    """
    files = sorted(path.glob("*.hdf5")) if path.is_dir() else [path]
    motions: dict[str, list[Tensor]] = {split: [] for split in SPLITS}
    sequences: list[tuple[str, Any]] = []
    faces: Any = None
    indices: Any = None
    edges: Any = None
    for file in files:
        with _open(file) as content:
            if _FACES not in content:
                raise _other(file, f"no {_FACES!r}")
            faces = np.asarray(content[_FACES], dtype=np.int64)
            for name in sorted(set(content) - {_FACES}):
                shape: tuple[int, ...] = getattr(content[name], "shape", ())
                if len(shape) != 3 or shape[1] != 3 or shape[0] <= faces.max():
                    raise _other(file, f"{name!r} of shape {shape}")
                vertices = np.asarray(content[name], dtype=np.float64)
                if indices is None:
                    indices = farthest_points(vertices[:, :, 0], points)
                    edges = touching_cells(vertices[:, :, 0], faces, indices)
                if vertices.shape[2] >= frames:
                    selected = vertices[indices].transpose(2, 0, 1)
                    sequences.append((name.partition("_")[0], selected - selected.mean((0, 1))))
    subjects = sorted({subject for subject, _ in sequences})
    for subject, selected in sequences:
        split = SPLITS[(0, 0, 0, 1, 2)[subjects.index(subject) % 5]]
        motions[split].append(torch.tensor(selected, dtype=torch.float32))
    if not all(motions.values()):
        raise OptionError(
            f"{path} has sequences of at least {frames} frames of {len(subjects)} subjects "
            f"({', '.join(subjects) or 'none'}), expected at least 5 subjects: training, "
            "validation and tests need different ones. Name registrations_f.hdf5, "
            "registrations_m.hdf5 or the folder that holds them."
        )
    return Shapes(motions, torch.tensor(edges))


def _open(file: Path) -> Any:
    if not file.is_file():
        raise OptionError(
            f"there is no file {file}, expected registrations of D-FAUST. Name "
            "registrations_f.hdf5, registrations_m.hdf5 or the folder that holds them."
        )
    try:
        h5py = import_module("h5py")
    except ModuleNotFoundError as error:
        raise OptionError(
            f"{file} is an HDF5 file, which needs h5py, which is not installed. "
            "Run: pip install h5py"
        ) from error
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise _other(file, f"no HDF5 ({error})") from error


def _other(file: Path, content: str) -> OptionError:
    return OptionError(
        f"{file} has {content}, expected a file of D-FAUST: 'faces', and an array (6890, 3, T) for "
        "each sequence. Download it again, or name registrations_f.hdf5 or registrations_m.hdf5."
    )
