"""Images come in from arrays, files, folders and data sets; what will not do is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from eqsets import OptionError, ShapeError
from eqsets.generative import discover
from eqsets.generative.data.sources import read

BYTES = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5)


@pytest.fixture
def folder(tmp_path):
    for index, image in enumerate(BYTES):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (BYTES, (4, 1, 6, 5)),
        (np.stack([BYTES] * 3, 1), (4, 3, 6, 5)),
        (np.stack([BYTES] * 3, -1), (4, 3, 6, 5)),
        (BYTES[..., None], (4, 1, 6, 5)),
        (torch.from_numpy(BYTES) / 255, (4, 1, 6, 5)),
        (torch.from_numpy(BYTES) / 127.5 - 1, (4, 1, 6, 5)),
    ],
)
def test_arrays_of_any_order_and_range_become_the_same_images(given, shape):
    images = read(given).elements
    assert images.shape == shape
    assert torch.allclose(images[:, 0], torch.from_numpy(BYTES) / 127.5 - 1, atol=1e-6)


def test_files_and_folders_hold_the_same_images(folder, tmp_path):
    np.save(tmp_path / "x.npy", BYTES)
    np.savez(tmp_path / "x.npz", images=BYTES, labels=np.arange(4))
    one, other, third = (read(path) for path in (folder, tmp_path / "x.npy", tmp_path / "x.npz"))
    assert torch.equal(one.elements, other.elements)
    assert torch.equal(one.elements, third.elements)
    assert third.labels is not None
    assert third.labels.tolist() == [0, 1, 2, 3]


def test_data_sets_give_images_and_labels():
    pairs = [(Image.fromarray(image), index) for index, image in enumerate(BYTES)]
    result = read(pairs)
    assert result.elements.shape == (4, 1, 6, 5)
    assert result.labels is not None
    assert result.labels.tolist() == [0, 1, 2, 3]
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(BYTES))
    assert torch.equal(read(tensors).elements, result.elements)


def test_unreadable_files_are_named_and_skipped_only_on_request(folder):
    (folder / "broken.png").write_bytes(b"no picture")
    with pytest.raises(OptionError, match=r"1 of 5 files cannot be read: broken\.png.*--skip-un"):
        read(folder)
    result = read(folder, skip_unreadable=True)
    assert len(result.elements) == 4
    assert result.skipped == ("broken.png",)


def test_a_folder_mixes_neither_sizes_nor_loses_colour(folder):
    Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(folder / "red.png")
    assert read(folder).elements.shape == (5, 3, 6, 5)
    Image.fromarray(np.zeros((7, 5), np.uint8)).save(folder / "tall.png")
    with pytest.raises(ShapeError, match=r"2 sizes: 0.png has \(6, 5\), tall.png \(7, 5\)"):
        read(folder)


BAD = [
    (np.zeros((40, 6, 5)) + 300.0, r"values from 300 to 300 .* expected all in \[-1, 1\]"),
    (np.full((40, 6, 5), np.nan), r"values from nan to nan \(1200 not finite\)"),
    (np.zeros((40, 6, 5), np.int64), r"torch.int64, expected uint8"),
    (np.zeros((40, 6), np.uint8), r"shape \(40, 6\), which may be .*40 vectors of 6 numbers"),
    (np.zeros((40, 6, 5, 4), np.uint8), r"Drop the alpha channel"),
    (np.array([["a"]]), r"does not make a tensor"),
    (np.arange(90, dtype=np.uint8).reshape(3, 6, 5), r"got 3 images, expected 32 at least"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=[message[:20] for _, message in BAD])
def test_bad_images_are_refused_in_words(given, message):
    with pytest.raises(ShapeError, match=message):
        discover(given, quiet=True)


def test_grey_images_have_no_hue():
    grey = np.stack([BYTES[0]] * 3, 0)[None].repeat(40, 0)
    with pytest.raises(OptionError, match=r"all 40 images are grey, so hue do.* Leave the colour"):
        discover(grey, family="hue", quiet=True)


def test_wrong_files_are_refused_in_words(tmp_path):
    with pytest.raises(OptionError, match="there is no file or folder"):
        read(tmp_path / "none.npz")
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(OptionError, match="cannot be read"):
        read(tmp_path / "broken.npz")
    np.savez(tmp_path / "tables.npz", a=np.zeros(3))
    with pytest.raises(OptionError, match="holds a, expected an array called images"):
        read(tmp_path / "tables.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match="has no images that can be read"):
        read(tmp_path / "empty")
    with pytest.raises(ShapeError, match="item 1 of the data set has shape"):
        read([BYTES[0], BYTES[1, :3]])
    with pytest.raises(ShapeError, match="got 2 labels for 4 images"):
        read(BYTES, labels=[1, 2])


def test_images_of_16_bits_keep_their_shades(tmp_path):
    Image.fromarray(BYTES[0].astype(np.uint16) * 257).save(tmp_path / "0.png")
    with Image.open(tmp_path / "0.png") as image:
        assert image.mode in ("I;16", "I")  # older versions of pillow: 32 bits
        cut = np.array(image.convert("L"))
    assert cut.max() == 255  # control: pillow calls all but the darkest white
    assert torch.equal(read(tmp_path).elements, read(BYTES[:1]).elements)


RED = np.stack([BYTES[0], BYTES[1] // 2, BYTES[2] // 3], -1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "P"])
def test_colours_are_the_same_in_all_modes(mode, tmp_path):
    image = Image.fromarray(RED)
    image = image.quantize(256) if mode == "P" else image.convert(mode)
    assert image.mode == mode
    colours = torch.from_numpy(RED).movedim(-1, 0)[None] / 127.5 - 1
    image.save(tmp_path / "0.tiff")
    for given in (tmp_path, [image]):
        assert torch.allclose(read(given).elements, colours, atol=4 / 127.5)


def see_through(mode):
    alpha = np.full(RED.shape[:2], 255, np.uint8)
    alpha[0, :3] = 0
    if mode == "RGBA":
        return Image.fromarray(np.concatenate([RED, alpha[..., None]], -1))
    if mode == "LA":
        return Image.fromarray(np.stack([BYTES[0], alpha], -1), "LA")
    raise AssertionError(mode)


REFUSED = {
    "RGBA": r"10.0% of the pixels are transparent, expected opaque ones\. Put the image on a back",
    "LA": r"10.0% of the pixels are transparent",
    "F": r"pixels of mode 'F' from 0 to 1, expected whole numbers of 8 or 16 bits\. Scale",
    "I": r"pixels of mode 'I' from -5 to 70000, expected whole numbers",
}


@pytest.mark.parametrize("mode", REFUSED)
def test_pixels_without_a_colour_or_a_range_are_refused_in_words(mode, tmp_path):
    if mode == "F":
        image = Image.fromarray(np.linspace(0, 1, 30, dtype=np.float32).reshape(6, 5))
    elif mode == "I":
        image = Image.fromarray(np.linspace(-5, 70_000, 30).astype(np.int32).reshape(6, 5))
    else:
        image = see_through(mode)
    assert image.mode == mode
    image.save(tmp_path / "0.tiff")
    with pytest.raises(
        OptionError, match=rf"1 of 1 files cannot be read: 0.tiff \({REFUSED[mode]}"
    ):
        read(tmp_path)
    with pytest.raises(ShapeError, match=f"item 0 of the data set has {REFUSED[mode]}"):
        read([image])


def test_whole_numbers_of_32_bits_that_fit_in_16_are_read(tmp_path):
    wide = Image.fromarray(BYTES[0].astype(np.int32) * 257)
    assert wide.mode == "I"
    assert torch.equal(read([wide]).elements, read(BYTES[:1]).elements)


@pytest.mark.parametrize("given", [{"images": BYTES}, {}])
def test_a_mapping_is_not_looked_into(given):
    with pytest.raises(ShapeError, match=r"got a dict with .*Pass the array that holds them"):
        read(given)


def test_an_open_npz_file_is_a_mapping(tmp_path):
    np.savez(tmp_path / "x.npz", images=BYTES)
    with np.load(tmp_path / "x.npz") as content:
        with pytest.raises(ShapeError, match="got a NpzFile with 'images'"):
            read(content)
        assert len(read(content["images"]).elements) == 4


def test_no_images_are_no_limit():
    with pytest.raises(OptionError, match="got limit=0, expected 1 image at least"):
        read(BYTES, limit=0)
    for given in (BYTES, torch.from_numpy(BYTES), list(BYTES)):
        assert read(given, limit=1).elements.shape == (1, 1, 6, 5)


def test_labels_may_be_nan_but_must_be_distinguishable():
    nan = float("nan")
    result = read(BYTES, labels=[nan, 2.5, nan, 0.5]).labels
    assert result is not None
    assert result.tolist() == [2, 1, 2, 0]
    for labels in ([None, "a", "b", "c"], [[1], [2, 3], [4], [5]]):
        with pytest.raises(ShapeError, match="got labels that cannot be distinguished"):
            read(BYTES, labels=labels)
