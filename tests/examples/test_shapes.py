"""Sets of frames of a motion, from made bodies and from D-FAUST files of the real layout."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

import eqsets
import select_clouds
import select_meshes
from eqsets import OptionError
from experiments import accuracy
from experiments.data import dfaust
from experiments.data.dfaust import load_dfaust
from experiments.data.shapes import FRAMES, View, generated_shapes, make_sets, nearest_to_mean
from experiments.tables.plots import draw_frames

SUBJECTS = ("50004", "50020", "50021", "50022", "50025")


def seeded():
    return torch.Generator().manual_seed(0)


def clock(frames=20, points=9):
    """Return a motion whose coordinates are the frame (x) and the point (y)."""
    time, point = torch.meshgrid(torch.arange(frames), torch.arange(points), indexing="ij")
    return torch.stack([time, point, torch.zeros_like(time)], 2).float()


@pytest.mark.parametrize("loose", [False, True], ids=["registered", "loose"])
def test_answers_name_the_middle_frame(loose):
    sets, answer = make_sets([clock()], View(4, noise=0.0, loose=loose), 30, seeded())
    assert sets.shape == (30, FRAMES, 4, 3)
    time, point = 0.4 * sets[..., 0], 0.4 * sets[..., 1]
    for row, index in zip(time[:, :, 0], answer, strict=True):
        assert row[index] == pytest.approx(float(row.median()))
        assert (row.sort().values.diff() - 2).abs().max() < 1e-4
    assert answer.bincount(minlength=FRAMES).min() > 0
    same = torch.equal(point, point[:, :1].expand_as(point))
    assert same != loose, "registered points are the same in all frames, loose ones are not"
    if loose:
        assert len(point.round().unique()) == 9
        assert (point.sort(2).values.diff(dim=2) > 0.5).all(), "no point comes twice"


def test_noise_is_in_metres():
    view = View(9, noise=0.05)
    noisy, _ = make_sets([torch.zeros(20, 9, 3)], view, 200, seeded())
    assert 0.4 * float(noisy.std()) == pytest.approx(0.05, rel=0.02)


@pytest.mark.slow
def test_no_body_or_motion_is_trained_and_tested_on():
    motions = generated_shapes(select_meshes.VERTICES).motions
    assert [len(result) for result in motions.values()] == [320, 50, 200]
    first = {split: torch.stack(list(result))[:, 0] for split, result in motions.items()}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        gap = torch.cdist(first[one].flatten(1), first[other].flatten(1))
        assert gap.min() > 0.1


@pytest.mark.slow
def test_the_frame_nearest_to_the_mean_is_no_answer():
    """What needs no learning does better than chance, and leaves something to learn."""
    result = select_clouds.experiment()
    sets, answer = result.data("registered", 0).test
    assert accuracy(nearest_to_mean(sets), answer) == pytest.approx(57, abs=6)
    sets, answer = result.data("loose", 0).test
    assert accuracy(nearest_to_mean(sets), answer) == pytest.approx(100 / FRAMES, abs=5)


def test_models_of_meshes_move_with_their_edges():
    model = select_meshes.experiment().models["dss-mean"]().double()
    kinds = model.in_type, model.out_type
    edges = eqsets.equivariance_error(*(model, *kinds), samples=1, structure=model.structure)
    assert edges.max < 1e-12
    # the control: vertices that move without the edges are another mesh
    assert eqsets.equivariance_error(model, *kinds, samples=1).element > 1e-4


def test_sets_can_be_drawn(tmp_path):
    frames, edges = torch.randn(FRAMES, 5, 3), torch.tensor([[0, 1, 2], [1, 2, 3]])
    draw_frames(tmp_path / "set.png", frames, edges, 2)
    assert (tmp_path / "set.png").read_bytes().startswith(b"\x89PNG")


# -------------------------------------------------------------------------- D-FAUST


def write_registrations(path, subjects, frames=90, rows=8):
    """Write a file of the layout of D-FAUST: a grid that waves, one sequence for each subject."""
    x, y = (part.ravel().astype(float) for part in np.meshgrid(np.arange(rows), np.arange(rows)))
    corner = np.array([p for p in range(rows * rows) if x[p] < rows - 1 and y[p] < rows - 1])
    upper = np.stack([corner, corner + 1, corner + rows], 1)
    lower = np.stack([corner + 1, corner + rows + 1, corner + rows], 1)
    with h5py.File(path, "w") as file:
        file["faces"] = np.concatenate([upper, lower]).astype(np.uint32)
        for number, subject in enumerate(subjects):
            time = np.arange(frames) / 60
            height = np.sin(x[:, None] + (1 + number) * time)
            flat = [np.broadcast_to(part[:, None], height.shape) for part in (x, y)]
            file[f"{subject}_chicken_wings"] = np.stack([*flat, height], 1).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    write_registrations(tmp_path / "registrations_f.hdf5", SUBJECTS[:3])
    write_registrations(tmp_path / "registrations_m.hdf5", SUBJECTS[3:])
    return tmp_path


def test_registrations_are_split_by_subject(folder):
    shapes = load_dfaust(folder, 16, 73)
    assert {split: len(result) for split, result in shapes.motions.items()} == {
        "train": 3,
        "validation": 1,
        "test": 1,
    }
    motion = shapes.motions["test"][0]
    assert motion.shape == (90, 16, 3)
    assert motion.mean((0, 1)).abs().max() < 1e-6
    assert torch.equal(motion[0, :, :2], motion[-1, :, :2]), "points have a fixed order"
    assert (motion[0, :, 2] - motion[30, :, 2]).abs().max() > 0.1
    gap = torch.cdist(motion[0, :, :2], motion[0, :, :2])[tuple(shapes.edges)]
    assert 0 < gap.max() < 5, "of 9.9 from corner to corner"


def test_one_file_suffices(tmp_path):
    write_registrations(tmp_path / "registrations_f.hdf5", SUBJECTS)
    shapes = load_dfaust(tmp_path / "registrations_f.hdf5", 12, 73)
    assert [len(result) for result in shapes.motions.values()] == [3, 1, 1]


def test_what_does_not_do_is_refused(folder, tmp_path, monkeypatch):
    with pytest.raises(OptionError, match="there is no file"):
        load_dfaust(folder / "registrations.hdf5", 16, 73)
    with pytest.raises(OptionError, match="of 3 subjects"):
        load_dfaust(folder / "registrations_f.hdf5", 16, 73)
    with pytest.raises(OptionError, match="at least 1000 frames of 0 subjects"):
        load_dfaust(folder, 16, 1000)

    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(OptionError, match=r"text.hdf5 has no HDF5.*expected a file of D-FAUST"):
        load_dfaust(tmp_path / "text.hdf5", 16, 73)
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["50004_jumps"] = np.zeros((9, 3, 80))
    with pytest.raises(OptionError, match=r"other.hdf5 has no 'faces'"):
        load_dfaust(tmp_path / "other.hdf5", 16, 73)
    with h5py.File(tmp_path / "other.hdf5", "a") as file:
        file["faces"] = np.array([[0, 1, 9]])  # of ten vertices
    with pytest.raises(OptionError, match=r"'50004_jumps' of shape \(9, 3, 80\)"):
        load_dfaust(tmp_path / "other.hdf5", 16, 73)

    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(dfaust, "import_module", missing)
    with pytest.raises(OptionError, match="pip install h5py"):
        load_dfaust(folder, 16, 73)


@pytest.mark.parametrize("example", [select_clouds, select_meshes], ids=["clouds", "meshes"])
def test_users_registrations_make_sets(example, folder, monkeypatch):
    result = example.experiment(folder)
    monkeypatch.setattr(example, "load_dfaust", None)  # gigabytes: they are read once
    assert result.name.endswith("-dfaust")
    (setting,) = result.sizes["full"].settings
    sets, answer = result.data(setting, 0).draw(2, seeded())
    assert sets.shape == (2, FRAMES, 64, 3)
    loss = result.loss(result.models["dss-mean"]()(sets), answer)
    assert torch.isfinite(loss)
