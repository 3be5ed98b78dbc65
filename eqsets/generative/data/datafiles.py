"""Elements and labels from one file, as the usual data sets come: arrays, HDF5, MNIST's idx.

What a file is, its first bytes say, not its name; gzipped files are unpacked into a temporary one.

=============  =====================================================  ====================
data set       files                                                  read from them
=============  =====================================================  ====================
MNIST ...      ``train-images-idx3-ubyte``, ``...-labels-idx1-...``   the labels next to it
dSprites       ``dsprites_ndarray_..._64x64.npz``                     ``imgs``, the shape
GalaxyMNIST    ``train_dataset.hdf5``                                 ``images``, ``labels``
PatchCamelyon  ``camelyonpatch_level_2_split_train_x.h5``, ``_y.h5``  ``x``, ``y`` next to it
=============  =====================================================  ====================
"""

from __future__ import annotations

import gzip
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import torch

from eqsets.errors import OptionError
from eqsets.families.domains.kinds import no_graphs
from eqsets.optional import require

__all__ = ["chosen", "read_file"]

_NAMES = ("images", "x", "x_train", "train_images", "imgs", "arr_0", "data")
_LABELS = ("labels", "y", "y_train", "train_labels")
_SHAPES = "latents_classes"  # of dSprites: color, shape, scale, orientation, x, y
_GZIP, _NPY, _ZIP, _HDF5, _IDX = b"\x1f\x8b", b"\x93NUMPY", b"PK", b"\x89HDF", b"\0\0"
_BYTES = 8  # the dtype of an idx file that is read


def read_file(path: Path, limit: int | None = None, noun: str = "images") -> tuple[Any, Any]:
    """Return elements and, if they are in it or in the file next to it, labels.

    Args:
        path: of the file.
        limit: elements that are taken, drawn at random; ``None``: all.
        noun: of the elements, a name of the array in files that have several.

    Raises:
        OptionError: the file is missing, damaged, or holds no elements, or graphs; h5py is not
            installed.
    """
    if not path.exists():
        raise OptionError(
            f"there is no file or folder {str(path)!r}, expected an .npy, .npz, HDF5 or idx file "
            "or a folder of images. Correct the path."
        )
    try:
        with _plain(path) as file:
            start = file.read(8)
            file.seek(0)
            for sign, reader in _READERS.items():
                if start.startswith(sign):
                    return reader(file, path, limit, noun)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise OptionError(
            f"{str(path)!r} cannot be read ({error}), expected a whole .npy, .npz, HDF5 or idx "
            "file, gzipped or not. If the download was cut off, repeat it."
        ) from error
    raise OptionError(
        f"{path.name} cannot be read: it begins with {start!r}, expected an .npy, .npz, HDF5 or "
        "idx file, gzipped or not. Write one with np.savez(path, images=x)."
    )


def chosen(count: int, limit: int | None) -> torch.Tensor:
    """Return the indices of at most ``limit`` of ``count`` elements: drawn at random, in order.

    Example:
        >>> chosen(3, None)
        tensor([0, 1, 2])
        >>> len(chosen(100, 7).unique())
        7
    """
    if limit is None or limit >= count:
        return torch.arange(count)
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return drawn[:limit].sort().values


def _plain(path: Path) -> BinaryIO:
    """Open a file, unpacked if it is gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    if not packed:
        return path.open("rb")
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    try:
        with gzip.open(path) as source:
            shutil.copyfileobj(source, unpacked)
    except (OSError, EOFError, zlib.error):
        unpacked.close()
        raise
    unpacked.seek(0)
    return unpacked


def _npy(file: BinaryIO, path: Path, limit: int | None, noun: str) -> tuple[Any, Any]:
    import numpy as np

    if limit is not None and getattr(file, "name", None) == str(path):
        # Mapped, so that only the chosen elements of a large file are read.
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    else:
        images = np.load(file, allow_pickle=False)
    taken = images[chosen(len(images), limit).numpy()] if images.ndim else images
    return np.asarray(taken), None


def _npz(file: BinaryIO, path: Path, limit: int | None, noun: str) -> tuple[Any, Any]:
    import numpy as np

    with np.load(file, allow_pickle=False) as content:
        if "edge_index" in content:
            raise no_graphs(f"{path.name} with edge_index")
        names = [n for n in (noun, *_NAMES) if n in content] or [
            n for n in content if n != "metadata" and getattr(content[n], "ndim", 0) > 2
        ]
        if not names:
            raise _nothing_in(path, content)
        images = content[names[0]]
        taken = chosen(len(images), limit).numpy()
        if _SHAPES in content:
            return images[taken], content[_SHAPES][taken, 1]
        known = next((n for n in _LABELS if n in content), None)
        return images[taken], None if known is None else _part(content[known], taken, len(images))


def _hdf5(file: BinaryIO, path: Path, limit: int | None, noun: str) -> tuple[Any, Any]:
    require("h5py", extra="hdf5")
    with import_module("h5py").File(file, "r") as content:
        arrays = {name: content[name] for name in content if hasattr(content[name], "dtype")}
        name = next((n for n in (noun, *_NAMES) if n in arrays), None)
        if name is None:
            raise _nothing_in(path, content)
        count = len(arrays[name])
        taken = chosen(count, limit).numpy()
        images = arrays[name][:] if len(taken) == count else arrays[name][taken]
        known = next((n for n in _LABELS if n in arrays), None)
        if known is not None:
            return images, _part(arrays[known][:], taken, count)
    neighbour = _neighbour(path, re.sub(r"_x\.(?=h)", "_y.", path.name))
    if neighbour is None:
        return images, None
    with _plain(neighbour) as other, import_module("h5py").File(other, "r") as content:
        known = next((n for n in _LABELS if n in content), None)
        if known is None:
            raise _nothing_in(neighbour, content, "labels", _LABELS)
        return images, _part(content[known][:], taken, count)


def _idx(file: BinaryIO, path: Path, limit: int | None, noun: str) -> tuple[Any, Any]:
    images = _idx_array(file, path)
    if images.ndim < 3:
        raise OptionError(
            f"{path.name} holds an array of shape {images.shape}, not images: it is a file of "
            "labels. Name the one next to it, such as train-images-idx3-ubyte."
        )
    taken = chosen(len(images), limit).numpy()
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    neighbour = _neighbour(path, name)
    if neighbour is None:
        return images[taken], None
    with _plain(neighbour) as other:
        return images[taken], _part(_idx_array(other, neighbour), taken, len(images))


def _idx_array(file: BinaryIO, path: Path) -> Any:
    """Read ``0 0 type rank``, the sizes as big-endian words, and the bytes."""
    import numpy as np

    head = file.read(4)
    if len(head) < 4 or head[:2] != _IDX or head[2] != _BYTES or not 1 <= head[3] <= 4:
        raise OptionError(
            f"{path.name} begins with {head!r}, expected b'\\x00\\x00\\x08' and the number of "
            "axes, as the idx files of MNIST do. Is it another file, or of another dtype?"
        )
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise EOFError(f"its header ends after {4 + len(sizes)} bytes")
    shape = struct.unpack(f">{head[3]}I", sizes)
    array = np.frombuffer(file.read(), np.uint8)
    if len(array) != np.prod(shape, dtype=np.int64):
        raise EOFError(f"it says {' x '.join(map(str, shape))} bytes, and has {len(array)}")
    return array.reshape(shape).copy()


def _part(labels: Any, taken: Any, count: int) -> Any:
    """Return the labels of the images that were taken; a wrong number of labels is said later."""
    return labels[taken] if len(labels) == count else labels


def _neighbour(path: Path, name: str) -> Path | None:
    """Return the file of this name in the same folder, gzipped or not, unless it is the same."""
    plain = name.removesuffix(".gz")
    if plain == path.name.removesuffix(".gz"):
        return None
    candidates = (path.with_name(plain), path.with_name(plain + ".gz"))
    return next((one for one in candidates if one.exists()), None)


def _nothing_in(
    path: Path, names: Any, what: str = "an array", known: tuple[str, ...] = _NAMES
) -> OptionError:
    return OptionError(
        f"{path.name} holds {', '.join(sorted(names)) or 'nothing'}, expected {what} "
        f"called {' or '.join(known)}. Write it with np.savez(path, images=x)."
    )


_Reader = Callable[[BinaryIO, Path, "int | None", str], tuple[Any, Any]]
_READERS: Mapping[bytes, _Reader] = {
    _NPY: _npy,
    _ZIP: _npz,
    _HDF5: _hdf5,
    _IDX: _idx,
}
