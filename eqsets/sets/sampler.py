"""Batches of about equal cost from sets of very different sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Sampler

from eqsets.errors import OptionError

__all__ = ["TotalSizeBatchSampler"]


class TotalSizeBatchSampler(Sampler[list[int]]):
    """Group sets into batches of at most so many elements in all.

    Bags that differ a hundredfold in size make batches of very different memory if they are
    counted. Here their elements are counted. Sets are shuffled; with ``similar`` those of one
    batch have similar sizes, so that padded batches have little padding. A set that is larger than
    the limit alone is a batch by itself.

    Arguments:
        sizes: number of elements of each set of the data.
        total: largest number of elements of a batch.
        max_sets: largest number of sets of a batch; no limit by default.
        shuffle: whether the order is random; another one in each epoch.
        similar: whether batches hold sets of similar size.
        padded: whether a batch counts as its largest size times its number of sets.
        seed: of the random order.

    Raises:
        OptionError: a size or a limit is no positive whole number.

    Example:
        >>> sampler = TotalSizeBatchSampler([3, 1, 2, 8, 2], total=5, shuffle=False)
        >>> list(sampler)
        [[0, 1], [2], [3], [4]]
        >>> loader = torch.utils.data.DataLoader  # loader(data, batch_sampler=sampler, ...)
    """

    def __init__(
        self,
        sizes: Sequence[int] | Tensor,
        total: int,
        *,
        max_sets: int | None = None,
        shuffle: bool = True,
        similar: bool = False,
        padded: bool = False,
        seed: int = 0,
    ) -> None:
        given = sizes.tolist() if isinstance(sizes, Tensor) else list(sizes)
        for name, values in (
            ("sizes", given),
            ("total", [total]),
            ("max_sets", [] if max_sets is None else [max_sets]),
        ):
            for value in values:
                if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                    raise OptionError(
                        f"TotalSizeBatchSampler got {value!r} in {name}, expected whole numbers of "
                        "at least 1. Leave empty sets out of the data."
                    )
        self.sizes, self.total, self.max_sets = given, total, max_sets
        self.shuffle, self.similar, self.padded = shuffle, similar, padded
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the random order of an epoch, as distributed samplers do."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        batches = self._batches(self.epoch)
        self.epoch += 1
        return iter(batches)

    def __len__(self) -> int:
        return len(self._batches(self.epoch))

    def _batches(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(self.seed + epoch)
        order = list(range(len(self.sizes)))
        if self.shuffle:
            order = torch.randperm(len(self.sizes), generator=generator).tolist()
        if self.similar:
            order.sort(key=lambda index: self.sizes[index])  # stable: equal sizes stay shuffled
        batches: list[list[int]] = []
        elements = largest = 0
        for index in order:
            size = self.sizes[index]
            count = len(batches[-1]) + 1 if batches else 1
            largest_now = max(largest, size)
            cost = largest_now * count if self.padded else elements + size
            if not batches or cost > self.total or (self.max_sets and count > self.max_sets):
                batches.append([index])
                elements, largest = size, size
            else:
                batches[-1].append(index)
                elements, largest = elements + size, largest_now
        if self.shuffle and self.similar:
            batches = [batches[k] for k in torch.randperm(len(batches), generator=generator)]
        return batches
