"""Public hypothesis strategies: set sizes, masks, permutations, group elements, element tensors.

Requirements that shaped this module:

- what is drawn are small whole numbers (sizes, seeds, words in generators), so that a failure
  shrinks to a small one; tensors are filled from a drawn seed by a generator of their own;
- torch's global randomness is never touched;
- the simplest example is not trivial: two elements, a generator, a permutation that moves.

Hypothesis is imported when a strategy is built, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.sets import SetBatch
from eqsets.testing.running._hypothesis import hypothesis_module

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "dtypes",
    "element_tensors",
    "group_elements",
    "masks",
    "permutations",
    "seeds",
    "set_batches",
    "set_sizes",
    "sets",
]


def _st() -> Any:
    return hypothesis_module().strategies


def seeds() -> SearchStrategy[int]:
    """Return whole numbers to seed a ``torch.Generator`` with."""
    strategy: SearchStrategy[int] = _st().integers(0, 2**16)
    return strategy


def set_sizes(low: int = 1, high: int = 5) -> SearchStrategy[int]:
    """Return sizes of sets, ``low`` first."""
    strategy: SearchStrategy[int] = _st().integers(low, high)
    return strategy


def dtypes(*given: torch.dtype) -> SearchStrategy[torch.dtype]:
    """Return dtypes, float32 and float64 unless others are given."""
    choices: Sequence[torch.dtype] = given or (torch.float32, torch.float64)
    strategy: SearchStrategy[torch.dtype] = _st().sampled_from(choices)
    return strategy


def permutations(size: int) -> SearchStrategy[Tensor]:
    """Return index tensors ``(size,)``; the simplest one moves every position by one."""
    drawn = _st().permutations(range(size))
    strategy: SearchStrategy[Tensor] = drawn.map(lambda order: torch.tensor(order).roll(-1))
    return strategy


def group_elements(group: Group, *batch: int) -> SearchStrategy[Tensor]:
    """Return elements ``(*batch, *element_shape)``: words in the generators, and random ones.

    The simplest element is the first generator, not the identity, which proves nothing.
    """
    st = _st()
    kinds = []
    generators = group.generators()
    if generators is not None and len(generators):
        letters = st.lists(st.integers(0, len(generators) - 1), min_size=1, max_size=4)
        kinds.append(letters.map(lambda word: reduce(group.compose, generators[word])))
    kinds.append(seeds().map(lambda seed: group.sample(generator=_generator(seed))))
    one = st.one_of(kinds)
    if not batch:
        return one  # type: ignore[no-any-return]  # hypothesis is imported late
    total = torch.Size(batch).numel()
    many = st.lists(one, min_size=total, max_size=total).map(torch.stack)
    strategy: SearchStrategy[Tensor] = many.map(lambda g: g.reshape(*batch, *group.element_shape))
    return strategy


def element_tensors(
    feature_type: FeatureType, *batch: int, dtype: torch.dtype | None = None
) -> SearchStrategy[Tensor]:
    """Return features ``(*batch, *element)`` as the type samples them."""
    strategy: SearchStrategy[Tensor] = seeds().map(
        lambda seed: feature_type.sample(*batch, generator=_generator(seed), dtype=dtype)
    )
    return strategy


def sets(
    feature_type: FeatureType,
    *,
    batch: int = 2,
    sizes: SearchStrategy[int] | None = None,
    dtype: torch.dtype | None = None,
) -> SearchStrategy[Tensor]:
    """Return dense batches of sets, ``(batch, N, *element)``."""
    drawn = set_sizes() if sizes is None else sizes
    return drawn.flatmap(lambda size: element_tensors(feature_type, batch, size, dtype=dtype))


def set_batches(
    feature_type: FeatureType,
    *,
    batch: int = 2,
    sizes: SearchStrategy[int] | None = None,
    dtype: torch.dtype | None = None,
) -> SearchStrategy[SetBatch]:
    """Return ragged batches of sets of different sizes."""
    st = _st()
    drawn = st.lists(set_sizes() if sizes is None else sizes, min_size=batch, max_size=batch)

    def fill(counts_and_seed: tuple[list[int], int]) -> SetBatch:
        counts, generator = counts_and_seed[0], _generator(counts_and_seed[1])
        return SetBatch.from_list(
            [feature_type.sample(count, generator=generator, dtype=dtype) for count in counts]
        )

    strategy: SearchStrategy[SetBatch] = st.tuples(drawn, seeds()).map(fill)
    return strategy


def masks(batch: int, size: int, *, prefix: bool = False) -> SearchStrategy[Tensor]:
    """Return masks ``(batch, size)`` bool with at least one element present in each set.

    Arguments:
        batch: number of sets ``B``.
        size: positions in each set ``N``.
        prefix: present elements first, padding behind, as from ``SetBatch.to_padded``.
    """
    st = _st()
    if prefix:
        row = st.integers(1, size).map(lambda count: [position < count for position in range(size)])
    else:
        row = st.lists(st.booleans(), min_size=size, max_size=size).map(
            lambda bits: [*bits[:-1], bits[-1] or not any(bits)]
        )
    rows = st.lists(row, min_size=batch, max_size=batch)
    strategy: SearchStrategy[Tensor] = rows.map(lambda bits: torch.tensor(bits, dtype=torch.bool))
    return strategy


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
