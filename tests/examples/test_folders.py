"""Loaders of data sets that users bring: tried on tiny files of the same layout."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from eqsets import OptionError
from experiments.data import folders
from experiments.data.folders import clip_split, load_clips, load_images
from select_frames import FRAMES, SIZE, experiment


def paint(path, brightness, shape=(30, 40, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, brightness, dtype=np.uint8)).save(path)


@pytest.fixture
def celeba(tmp_path):
    for number in range(20):
        paint(tmp_path / "celeba" / "img" / f"{number:06}.png", 10 * number)
    return tmp_path / "celeba" / "img"


@pytest.fixture
def ucf101(tmp_path):
    for group in (1, 8, 10, 11):
        clip = tmp_path / "ucf" / "Archery" / f"v_Archery_g{group:02}_c01"
        for number in range(15):
            paint(clip / f"frame{number:03}.png", 100 + number)
    paint(tmp_path / "ucf" / "Archery" / "v_Archery_g12_c01" / "frame000.png", 0)  # too short
    return tmp_path / "ucf"


def test_images_are_split_by_name(celeba):
    by_split = load_images(celeba, 8)
    assert {split: len(images) for split, images in by_split.items()} == {
        "train": 16,
        "validation": 2,
        "test": 2,
    }
    assert by_split["train"].shape[1:] == (1, 8, 8)
    assert by_split["test"][:, 0, 0, 0].tolist() == pytest.approx([180 / 255, 190 / 255], abs=2e-3)


def test_images_follow_the_official_split(celeba):
    lines = [f"{number:06}.png {(number % 3)}" for number in range(20)]
    (celeba.parent / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    by_split = load_images(celeba, 8)
    assert [len(by_split[split]) for split in ("train", "validation", "test")] == [7, 7, 6]


def test_clips_come_in_order_and_by_groups(ucf101):
    by_split = load_clips(ucf101, FRAMES, 8)
    assert {split: len(clips) for split, clips in by_split.items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    brightness = by_split["train"][0, :, 0, 0, 0]
    assert brightness.tolist() == sorted(brightness.tolist())
    assert brightness[[0, -1]].mul(255).tolist() == pytest.approx([100, 114], abs=0.5)
    assert clip_split("v_Archery_g07_c02", 0) == "test"
    assert clip_split("some clip", 9) == "train"


def test_no_more_images_are_read_than_the_limit(celeba):
    by_split = load_images(celeba, 8, limit=12)
    assert sum(map(len, by_split.values())) == 10, "every second one of 20"
    assert sum(map(len, load_images(celeba, 8, limit=20).values())) == 20


def test_folders_without_data_are_refused(tmp_path, celeba):
    with pytest.raises(OptionError, match="0 images"):
        load_images(tmp_path, 8)
    with pytest.raises(OptionError, match="no clip of at least 30 frames"):
        load_clips(celeba.parent.parent, 30, 8)
    for load in (load_images, lambda folder, size: load_clips(folder, FRAMES, size)):
        with pytest.raises(OptionError, match=r"there is no folder .*nowhere"):
            load(tmp_path / "nowhere", 8)


def test_a_split_without_data_is_refused(celeba, ucf101):
    lines = [f"{number:06}.png 0" for number in range(20)]
    (celeba.parent / "list_eval_partition.txt").write_text("\n".join(lines))
    with pytest.raises(OptionError, match="20 for train, 0 for validation, 0 for test"):
        load_images(celeba, 8)
    shutil.rmtree(ucf101 / "Archery" / "v_Archery_g08_c01")
    with pytest.raises(OptionError, match=r"0 for validation, 1 for test.*g08 and g09"):
        load_clips(ucf101, FRAMES, 8)


@pytest.mark.parametrize("line", ["000001.png 3", "image_id,partition", "000001.png 0 1"])
def test_another_list_of_the_split_is_refused(celeba, line):
    (celeba / "list_eval_partition.txt").write_text(f"000000.png 0\n{line}\n")
    with pytest.raises(OptionError, match=f"the line '{line}'.*Use the original file"):
        load_images(celeba, 8)


def test_files_that_cannot_be_read_are_named(celeba, ucf101, monkeypatch):
    (celeba / "000003.png").write_bytes(b"no image")
    with pytest.raises(OptionError, match=r"000003.png cannot be read"):
        load_images(celeba, 8)

    class Broken(Exception):
        """As PyAV raises it."""

    def refuse(path):
        raise Broken(path)

    av = SimpleNamespace(FFmpegError=Broken, open=refuse)
    monkeypatch.setattr(folders, "import_module", lambda name: av)
    (ucf101 / "Archery" / "v_Archery_g13_c01.avi").write_bytes(b"no video")
    with pytest.raises(OptionError, match=r"g13_c01.avi cannot be read.*a video"):
        load_clips(ucf101, FRAMES, 8)


def test_clips_without_groups_are_numbered_without_folders_and_short_clips(tmp_path):
    for clip in range(12):
        for number in range(FRAMES if clip else 1):  # the first is too short
            paint(tmp_path / f"kind{clip % 2}" / f"clip{clip:02}" / f"{number}.png", 100)
    by_split = load_clips(tmp_path, FRAMES, 8)
    assert [len(by_split[split]) for split in ("test", "validation", "train")] == [7, 2, 2]


def test_users_data_make_sets(celeba, ucf101):
    generator = torch.Generator().manual_seed(0)
    clips = experiment(ucf101=ucf101)
    sets, answer = clips.data("clips", 0).draw(4, generator)
    assert sets.shape == (4, FRAMES, 1, SIZE, SIZE)
    assert (sets.flatten(2).mean(2).argmin(1) == answer).all(), "the darkest frame is the first"
    faces = experiment(celeba=celeba)
    assert faces.name != clips.name
    assert faces.sizes["full"].settings == ("celeba noise", "celeba blur", "celeba occlusion")
    assert faces.data("celeba blur", 0).draw(3, generator)[0].shape == (3, FRAMES, 1, SIZE, SIZE)
