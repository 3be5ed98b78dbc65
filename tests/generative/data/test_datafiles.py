"""Files of the usual data sets, written here byte by byte or as their authors do, are read."""

from __future__ import annotations

import gzip
import struct

import h5py
import numpy as np
import pytest
import torch

from eqsets import OptionError
from eqsets.generative.data import datafiles
from eqsets.generative.data.sources import read

RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (12, 6, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
CLASSES = np.arange(12, dtype=np.uint8) % 4


def scaled(images):
    return torch.from_numpy(images) / 127.5 - 1


def idx(array, magic=None):
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) if magic is None else magic
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def check_labels(source, expected=CLASSES):
    assert source.labels is not None
    assert source.labels.tolist() == expected.tolist()


# ---------------------------------------------------------------------------- MNIST


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
    ],
)
def test_mnist(images, labels, tmp_path):
    for name, array in ((images, DIGITS), (labels, CLASSES)):
        whole = idx(array)
        (tmp_path / name).write_bytes(gzip.compress(whole) if name.endswith("gz") else whole)
    result = read(tmp_path / images)
    assert torch.allclose(result.elements[:, 0], scaled(DIGITS), atol=1e-6)
    check_labels(result)
    (tmp_path / labels).unlink()
    assert read(tmp_path / images).labels is None


def test_mnist_that_is_damaged(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(idx(DIGITS)[:-7])
    with pytest.raises(OptionError, match=r"says 12 x 6 x 5 bytes, and has 353.*cut off, repeat"):
        read(path)
    path.write_bytes(idx(DIGITS)[:9])
    with pytest.raises(OptionError, match="header ends after 9 bytes"):
        read(path)
    path.write_bytes(idx(DIGITS, magic=b"\0\0\x0d\x03"))  # floats
    with pytest.raises(OptionError, match=r"begins with b'.*\\r\\x03', expected .*\\x08.*Is it an"):
        read(path)
    path.write_bytes(idx(CLASSES))
    with pytest.raises(OptionError, match=r"a file of labels\. Name the one next to it"):
        read(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(OptionError, match=r"begins with b'<html>no', expected .*idx file"):
        read(path)


@pytest.mark.parametrize("cut", [200, -3])
def test_a_download_that_was_cut_off(cut, tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(DIGITS))[:cut])
    with pytest.raises(OptionError, match=r"cannot be read \(.*end-of-stream.*repeat it"):
        read(path)


def test_a_gzipped_file_with_a_wrong_byte(tmp_path):
    whole = bytearray(gzip.compress(idx(DIGITS)))
    whole[-6] ^= 255  # of the check sum
    (tmp_path / "x.gz").write_bytes(bytes(whole))
    with pytest.raises(OptionError, match="CRC check failed"):
        read(tmp_path / "x.gz")


# ---------------------------------------------------------------------- GalaxyMNIST, PatchCamelyon


def write_hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_galaxy_mnist(packed, tmp_path):
    path = write_hdf5(tmp_path / "train_dataset.hdf5", images=COLOUR, labels=CLASSES)
    if packed:
        packed_path = tmp_path / "train_dataset.hdf5.gz"
        packed_path.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        path = packed_path
    result = read(path)
    assert torch.allclose(result.elements, scaled(COLOUR).permute(0, 3, 1, 2), atol=1e-6)
    check_labels(result)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_patch_camelyon(split, tmp_path):
    stem = f"camelyonpatch_level_2_split_{split}"
    path = write_hdf5(tmp_path / f"{stem}_x.h5", x=COLOUR)
    assert read(path).labels is None
    labels = write_hdf5(tmp_path / f"{stem}_y.h5", y=CLASSES.reshape(-1, 1, 1, 1))
    result = read(path)
    assert torch.allclose(result.elements, scaled(COLOUR).permute(0, 3, 1, 2), atol=1e-6)
    check_labels(result)
    (tmp_path / f"{stem}_y.h5.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    check_labels(read(path))


def test_hdf5_that_will_not_do(tmp_path, monkeypatch):
    path = write_hdf5(tmp_path / "x.h5", mask=COLOUR)
    with pytest.raises(OptionError, match=r"x\.h5 holds mask, expected an array called images or"):
        read(path)
    write_hdf5(tmp_path / "a_y.h5", z=CLASSES)
    with pytest.raises(OptionError, match=r"a_y\.h5 holds z, expected labels called labels or y"):
        read(write_hdf5(tmp_path / "a_x.h5", x=COLOUR))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(OptionError, match=r"cannot be read \(.*truncated"):
        read(path)
    import eqsets.optional as needs

    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(needs, "import_module", absent)
    with pytest.raises(OptionError, match=r"needs 'h5py'.*pip install \"eqsets\[hdf5\]\""):
        read(path)


# --------------------------------------------------------------------------------- dSprites


@pytest.fixture
def sprites(tmp_path):
    path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    classes = np.zeros((12, 6), np.int64)
    classes[:, 1] = np.arange(12) // 4
    metadata = np.array({"latents_names": ("color", "shape")}, dtype=object)  # it is pickled
    np.savez(
        path,
        metadata=metadata,
        imgs=DIGITS // 128,
        latents_classes=classes,
        latents_values=classes.astype(np.float64),
    )
    return path


def test_dsprites(sprites):
    result = read(sprites)
    assert torch.equal(result.elements[:, 0], 2.0 * torch.from_numpy(DIGITS // 128) - 1)
    check_labels(result, np.arange(12) // 4)


def test_dsprites_without_images(sprites):
    with np.load(sprites, allow_pickle=True) as content:
        np.savez(sprites, **{name: content[name] for name in content if name != "imgs"})
    with pytest.raises(OptionError, match="holds latents_classes, latents_values, metadata, exp"):
        read(sprites)


# ------------------------------------------------------------------------------------- limit


def test_some_images_with_their_labels(sprites, tmp_path):
    numbers = np.arange(12, dtype=np.uint8)
    images = np.zeros((12, 4, 4), np.uint8) + 20 * numbers[:, None, None]
    np.save(tmp_path / "x.npy", images)
    np.savez(tmp_path / "x.npz", images=images, labels=numbers)
    write_hdf5(tmp_path / "x.h5", images=images, labels=numbers)
    (tmp_path / "images").write_bytes(idx(images))
    (tmp_path / "labels").write_bytes(idx(numbers))
    for given in ("x.npz", "x.h5", "images"):
        result = read(tmp_path / given, limit=5)
        assert len(result.elements) == 5
        assert result.labels is not None
        assert torch.allclose(result.elements[:, 0, 0, 0], 20 * result.labels / 127.5 - 1)
    pairs = list(zip(images, numbers.tolist(), strict=True))
    for data, labels in ((tmp_path / "x.npy", numbers), (images, numbers), (pairs, None)):
        result = read(data, labels=labels, limit=5)
        assert result.labels is not None
        assert torch.allclose(result.elements[:, 0, 0, 0], 20 * result.labels / 127.5 - 1)
    assert len(read(sprites, limit=100).elements) == 12


def test_of_a_large_array_only_the_chosen_elements_are_read(tmp_path, monkeypatch):
    """The file has 64 GB, of which all but the first bytes are a hole."""
    shape, path = (62_500_000, 32, 32), tmp_path / "large.npy"
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)))
    monkeypatch.setattr(datafiles, "chosen", lambda count, limit: torch.arange(limit))
    images, labels = datafiles.read_file(path, limit=3)
    assert images.shape == (3, 32, 32)
    assert labels is None


@pytest.mark.parametrize("limit", [None, 4])
def test_gzipped_arrays_and_single_numbers(limit, tmp_path):
    images = np.arange(6 * 8 * 8, dtype=np.uint8).reshape(6, 8, 8)
    with gzip.open(tmp_path / "x.npy", "wb") as file:
        np.save(file, images)
    selected = datafiles.chosen(6, limit).numpy()
    assert np.array_equal(datafiles.read_file(tmp_path / "x.npy", limit)[0], images[selected])
    np.save(tmp_path / "one.npy", np.float32(3.0))
    assert datafiles.read_file(tmp_path / "one.npy", limit)[0].shape == ()
