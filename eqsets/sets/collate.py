"""Batch samples of a data set that hold sets of different sizes, for ``torch.utils.data``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils.data import default_collate

from eqsets.errors import OptionError, ShapeError
from eqsets.sets.batch import SetBatch

__all__ = ["collate"]


def collate(samples: Sequence[Any], sets: Sequence[int | str] | None = None) -> Any:
    """Join samples to a batch: sets to a :class:`~eqsets.SetBatch`, all else as torch does.

    Give it to a data loader as ``collate_fn``. A sample is a set, or a tuple, list or dictionary
    of sets and other entries such as labels. Which entries are sets does not depend on the sizes
    that a batch happens to have: tensors with two or more axes ``(n, *element)`` are, others are
    not, unless ``sets`` says otherwise. Entries that are a ``SetBatch`` are joined.

    Arguments:
        samples: the samples, all of one form.
        sets: positions or keys of the entries that are sets, where samples are tuples or
            dictionaries: ``functools.partial(eqsets.collate, sets=["x"])``.

    Raises:
        ShapeError: there are no samples, or entries do not fit together.
        OptionError: ``sets`` names an entry that the samples do not have.

    Example:
        >>> import torch
        >>> data = [(torch.randn(n, 3), torch.tensor(n)) for n in (2, 5, 4)]
        >>> batch, label = next(iter(torch.utils.data.DataLoader(data, 3, collate_fn=collate)))
        >>> batch, label
        (SetBatch(3 sets of 2 to 5 elements of shape (3,), torch.float32), tensor([2, 5, 4]))
    """
    if not len(samples):
        raise ShapeError("collate got no samples, expected at least one. Leave empty batches out.")
    first = samples[0]
    if isinstance(first, Mapping):
        chosen = _chooser(sets, list(first))
        return {
            key: _join([sample[key] for sample in samples], f"{key!r}", chosen(key))
            for key in first
        }
    if isinstance(first, tuple | list):
        chosen = _chooser(sets, list(range(len(first))))
        columns = zip(*samples, strict=True)
        joined = [_join(list(c), f"position {i}", chosen(i)) for i, c in enumerate(columns)]
        named = hasattr(first, "_fields")
        return type(first)(*joined) if named else type(first)(joined)
    if sets is not None:
        raise OptionError(
            f"collate got sets={sets!r} for samples of type {type(first).__name__}, expected "
            "samples that are tuples or dictionaries. Leave sets out."
        )
    return _join(list(samples), "the samples", None)


def _chooser(sets: Sequence[int | str] | None, names: list[Any]) -> Callable[[Any], bool | None]:
    """Return a function of a name: whether it is a set, or ``None`` where its rank decides."""
    if sets is None:
        return lambda _: None
    unknown = [name for name in sets if name not in names]
    if unknown:
        raise OptionError(
            f"collate got sets={list(sets)!r}, but samples have no {unknown[0]!r}; expected some "
            f"of {names}."
        )
    return lambda name: name in sets


def _join(entries: list[Any], name: str, is_set: bool | None) -> Any:
    first = entries[0]
    if isinstance(first, SetBatch):
        return type(first).cat(entries)
    if is_set is None:
        is_set = isinstance(first, Tensor) and first.dim() >= 2
    if is_set:
        try:
            return SetBatch.from_list(entries)
        except ShapeError as error:
            raise ShapeError(f"collate cannot join {name}: {error}") from error
    shapes = {tuple(entry.shape) for entry in entries if isinstance(entry, Tensor)}
    if len(shapes) > 1:
        raise ShapeError(
            f"collate got tensors of shapes {sorted(shapes)} at {name}, expected equal shapes, or "
            "sets (n, *element). Name what are sets: functools.partial(eqsets.collate, sets=[...])."
        )
    return default_collate(entries)
