"""Which elements claims are tested on: a quarter at random, or whole groups."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.errors import ShapeError

__all__ = ["FEWEST_IMAGES", "split_held_out"]

FEWEST_IMAGES = 32
"""With fewer images nothing can be said; see the cautions of a report with few more."""

_ROWS = 8


def split_held_out(
    images: Tensor,
    labels: Tensor | None,
    groups: Tensor | None,
    seed: int,
    noun: str = "images",
    one_of_each: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return images to learn from, those held out, and some held-out ones to show.

    With ``one_of_each``, one image of each group that is held out, so that they are independent.
    """
    if len(images) < FEWEST_IMAGES:
        raise ShapeError(
            f"got {len(images)} {noun}, expected {FEWEST_IMAGES} at least, better 1,000: a "
            f"symmetry is a statement about many. Bring more {noun}."
        )
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    count = min(len(images) // 4, 400)
    if groups is None:
        known, held = order[count:], order[:count]
    else:
        held_out = _whole_groups(groups, count, generator)[order]
        known, held = order[~held_out], order[held_out]
        if one_of_each:
            held = held[_firsts(groups[held])]
    if labels is None:
        shown = held[:_ROWS]
    else:
        present = labels[held]
        firsts = [int((present == one).nonzero()[0]) for one in present.unique()]
        rest = [i for i in range(len(held)) if i not in firsts]
        shown = held[torch.tensor([*firsts, *rest][:_ROWS])]
    return images[known], images[held], images[shown]


def _firsts(values: Tensor) -> Tensor:
    """Return the index of the first of each value."""
    index = values.unique(return_inverse=True)[1]
    positions = torch.arange(len(values))
    return positions.new_full((int(index.max()) + 1,), len(values)).scatter_reduce(
        0, index, positions, "amin"
    )


def _whole_groups(groups: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return which images are held out, ``(n)`` bool: groups, until about ``count`` are in them."""
    names, index, sizes = groups.unique(return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ShapeError(
            f"got groups that are all {names.tolist()}, expected two at least: one is held out, "
            "one is learned from. Give each region, patient or slide a number of its own."
        )
    order = torch.randperm(len(names), generator=generator)
    before = sizes[order].cumsum(0) - sizes[order]
    out = order[before < count]
    out = out[: len(names) - 1]  # something must be left to learn from
    return torch.isin(index, out)
