"""Elements from whatever a person has: an array, a file, a folder, a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError
from eqsets.families import Domain, kind_named, kind_of
from eqsets.families.domains.kinds import no_graphs
from eqsets.generative.data.datafiles import chosen, read_file
from eqsets.generative.data.images import require_images
from eqsets.generative.data.pixels import pixels
from eqsets.optional import require

__all__ = ["Source", "aligned", "read"]

_ENDINGS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_GRAPH = frozenset({"edge_index", "nodes", "edges"})


class Source(NamedTuple):
    """Elements as the model takes them, and what was said about them."""

    elements: Tensor  # (n, *element)
    domain: Domain
    labels: Tensor | None  # (n)
    name: str
    skipped: tuple[str, ...]  # files that could not be read


def read(
    data: Any,
    *,
    kind: str | Domain | None = None,
    labels: Any = None,
    skip_unreadable: bool = False,
    limit: int | None = None,
    axes: str | None = None,
) -> Source:
    """Return the elements that ``data`` stands for.

    Args:
        data: an array or tensor; the path of a data file (see
            :mod:`eqsets.generative.data.datafiles`) or of a folder of images of one size; or a
            map-style data set.
        kind: of element, one of :data:`eqsets.families.KINDS`, or a domain; ``None``: images, if
            the shape of the array can be nothing else.
        labels: one for each element, if known: elements to show are chosen from all of them.
        skip_unreadable: leave files out that cannot be read, instead of raising.
        limit: elements that are taken at most, drawn at random; ``None``: all.
        axes: of images: ``"NHW"``, ``"NCHW"`` or ``"NHWC"``; default: by the shape, if that is
            not ambiguous.

    Raises:
        ShapeError: the elements are of the wrong rank, dtype, range or of several sizes; or the
            shape is ambiguous.
        OptionError: there is no such kind, file or folder, a file cannot be read, or no elements
            may be taken; or these are graphs.
    """
    domain = kind_named("images" if kind is None and axes is not None else kind or "images")
    named = kind is not None or axes is not None
    noun = domain.noun
    if limit is not None and limit < 1:
        raise OptionError(
            f"got limit={limit}, expected 1 {noun[:-1]} at least. Leave it out for all."
        )
    _refuse(data, noun)
    skipped: tuple[str, ...] = ()
    name = f"the {domain.noun}"
    if isinstance(data, str | Path):
        path = Path(data).expanduser()
        name = path.name
        if path.is_dir():
            require_images(domain, "read a folder of")
            (data, skipped), named = _folder(path, skip_unreadable, limit), True
        else:
            data, own_labels = read_file(path, limit, noun)
            labels = own_labels if labels is None else labels
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "shape"):
        data, own_labels = _items(data, limit, noun)
        labels = own_labels if labels is None else labels
    elif limit is not None and getattr(data, "ndim", 0) > 0 and len(data) > limit:
        data = data[chosen(len(data), limit).numpy()]
    array = domain.as_tensor(data)
    domain = domain if named else kind_of(array)
    elements = domain.as_batch(domain.arrange(array, axes)).cpu()
    known = None if labels is None else aligned(labels, len(elements), limit, "labels", noun)
    return Source(elements, domain, known, name, skipped)


def _refuse(data: Any, noun: str) -> None:
    """Raise if ``data`` is a mapping or holds graphs."""
    first = next(iter(data), None) if isinstance(data, list | tuple) else None
    for one in (data, first):
        known = set(one) if isinstance(one, Mapping) else {n for n in _GRAPH if hasattr(one, n)}
        if "edge_index" in known or {"nodes", "edges"} <= known:
            raise no_graphs(f"a {type(one).__name__} with {', '.join(sorted(known & _GRAPH))}")
    if isinstance(data, Mapping):
        raise ShapeError(
            f"got a {type(data).__name__} with {', '.join(map(repr, data)) or 'nothing'}, expected "
            f"{noun}. Pass the array that holds them, such as data['{noun}'], or the path of the "
            "file."
        )


def aligned(given: Any, count: int, limit: int | None, what: str, noun: str = "images") -> Tensor:
    """Return numbers ``(count)``, one for each element that was taken.

    Args:
        given: one for each element; words are numbered.
        count: of the elements that were taken.
        limit: as :func:`read` took it.
        what: they are, for the message.
        noun: of the elements, for the message.

    Raises:
        ShapeError: there are more or fewer of them than elements, or they cannot be distinguished.
    """
    import numpy as np

    try:
        array = np.asarray(given.cpu() if isinstance(given, Tensor) else given).reshape(-1)
        if array.dtype.kind not in "biu":  # words, and NaN, which is not itself
            array = np.unique(array, return_inverse=True)[1]
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"got {what} that cannot be distinguished ({error}), expected one number or word for "
            f"each of the {noun}. Number them, or write str(x) for each."
        ) from error
    numbers = torch.from_numpy(np.array(array))
    if limit is not None and len(numbers) > count:
        numbers = numbers[chosen(len(numbers), limit)]
    if len(numbers) != count:
        raise ShapeError(
            f"got {len(numbers)} {what} for {count} {noun}, expected one for each. Leave them out, "
            "or bring all."
        )
    return numbers


def _folder(path: Path, skip: bool, limit: int | None) -> tuple[Tensor, tuple[str, ...]]:
    require("PIL")
    import numpy as np
    from PIL import Image

    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in _ENDINGS and f.is_file())
    files = [files[index] for index in chosen(len(files), limit).tolist()]
    arrays: list[Any] = []
    bad: dict[str, str] = {}
    for file in files:
        try:
            with Image.open(file) as image:
                arrays.append((file, pixels(image)))
        except ShapeError as error:
            bad[str(file.relative_to(path))] = f" ({str(error).rstrip('.')})"
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            bad[str(file.relative_to(path))] = ""
    if bad and not skip:
        named = ", ".join(name + reason for name, reason in list(bad.items())[:5])
        raise OptionError(
            f"{len(bad)} of {len(files)} files cannot be read: {named}"
            f"{' ...' if len(bad) > 5 else ''}; expected images. Correct or remove them, or leave "
            "them out with --skip-unreadable (skip_unreadable=True)."
        )
    if not arrays:
        raise OptionError(
            f"the folder {str(path)!r} has no images that can be read, expected files that end in "
            f"{', '.join(sorted(_ENDINGS))}. Correct the path."
        )
    colour = any(array.ndim == 3 for _, array in arrays)
    sizes = {array.shape[:2] for _, array in arrays}
    if len(sizes) > 1:
        first = arrays[0]
        other = next((f, a) for f, a in arrays if a.shape[:2] != first[1].shape[:2])
        raise ShapeError(
            f"images are of {len(sizes)} sizes: {first[0].name} has {first[1].shape[:2]}, "
            f"{other[0].name} {other[1].shape[:2]} pixels; expected one size. Resize or crop them."
        )
    same = [np.stack([a] * 3, -1) if colour and a.ndim == 2 else a for _, a in arrays]
    return torch.from_numpy(np.stack(same)), tuple(bad)


def _items(data: Any, limit: int | None, noun: str) -> tuple[Tensor, Any]:
    """Stack a map-style data set of elements, or of tuples that begin with element and label."""
    elements: list[Tensor] = []
    labels: list[Any] = []
    for index in chosen(len(data), limit).tolist():
        item = data[index]
        if isinstance(item, tuple | list) and item:
            labels += item[1:2]
            item = item[0]
        elements.append(_one(item, index, elements, noun))
    if not elements:
        raise ShapeError(f"the data set is empty, expected {noun}. Correct its path or split.")
    whole = all(isinstance(x, int) or getattr(x, "ndim", 1) == 0 for x in labels)
    known = len(labels) == len(elements) and whole
    return torch.stack(elements), [int(x) for x in labels] if known else None


def _one(item: Any, index: int, before: Sequence[Tensor], noun: str) -> Tensor:
    import numpy as np

    if hasattr(item, "mode") and hasattr(item, "convert"):  # an image of pillow
        try:
            item = pixels(item)
        except ShapeError as error:
            raise ShapeError(f"item {index} of the data set has {error}") from error
    try:
        one = item if isinstance(item, Tensor) else torch.from_numpy(np.array(item))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ShapeError(
            f"item {index} of the data set is a {type(item).__name__} that makes no tensor "
            f"({error}), expected one of the {noun}, or that and a label. Give it a transform."
        ) from error
    if before and one.shape != before[0].shape:
        raise ShapeError(
            f"item {index} of the data set has shape {tuple(one.shape)}, expected that of the "
            f"first, {tuple(before[0].shape)}. Resize or crop the {noun}."
        )
    return one
