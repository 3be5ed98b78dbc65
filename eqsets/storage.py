"""How features lie in memory, and what that means for speed; nothing here changes a number.

Requirements that shaped this module:

- convolutions run fastest on channels that lie last, so features come in any order of axes, and
  torch reduces and broadcasts such features by set some ten times as slowly as the same memory
  read in its own order;
- memory that is newly allocated costs more than arithmetic on it: what can be added in place is;
- a compiler sees plain operations only, and finds the order by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["append_axes", "as_stored", "storage_order", "undo", "unfold"]


def append_axes(values: Tensor, like: Tensor) -> Tensor:
    """Return ``values`` with axes of size 1 behind, as many as ``like`` has more."""
    return values.reshape(*values.shape, *[1] * (like.dim() - values.dim()))


def storage_order(x: Tensor, lead: int) -> list[int]:
    """Return the axes of ``x``, those behind the first ``lead`` in the order in which they lie.

    Example:
        >>> image = torch.empty(2, 3, 4, 4).to(memory_format=torch.channels_last)
        >>> storage_order(image, 1)
        [0, 2, 3, 1]
    """
    axes = list(range(x.dim()))
    if torch.compiler.is_compiling():
        return axes
    return axes[:lead] + sorted(axes[lead:], key=x.stride().__getitem__, reverse=True)


def undo(order: list[int]) -> list[int]:
    """Return the permutation that takes ``x.permute(order)`` back to ``x``."""
    return sorted(range(len(order)), key=order.__getitem__)


def as_stored(x: Tensor, f: Callable[[Tensor], Tensor], *, reduced: int = 1) -> Tensor:
    """Return ``f(x)`` in storage order; ``f`` removes ``reduced`` axes behind the first."""
    order = storage_order(x, 1 + reduced)
    y = f(x.permute(order))
    return y.permute(undo([0, *(axis - reduced for axis in order[1 + reduced :])]))


def unfold(x: Tensor, shape: torch.Size) -> Tensor:
    """Return ``x.reshape(shape)`` whose gradient autograd may add to in place.

    Autograd adds the second gradient of a tensor to the first in place where nothing else can see
    the first. The reshape in backward is remembered as a view of its base and so is in the way:
    without this, a sum as large as ``x`` is allocated anew.
    """
    if torch.compiler.is_compiling() or not x.requires_grad:
        return x.reshape(shape)
    rows: Tensor = _Unfold.apply(x, shape)  # type: ignore[no-untyped-call]
    return rows


class _Unfold(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, shape: torch.Size) -> Tensor:
        return x.reshape(shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, torch.Size], output: Tensor) -> None:
        ctx.before, ctx.after = inputs[0].shape, inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        folded = gradient.reshape(ctx.before)
        # .data forgets the base, and the graph with it: not where the graph is wanted
        return (folded if torch.is_grad_enabled() else folded.data), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        return tangent.reshape(ctx.after)
