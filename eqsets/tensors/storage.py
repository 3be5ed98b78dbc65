"""The memory order of features, and what follows for speed; nothing here changes a number.

Requirements that shaped this module:

- convolutions run fastest on channels-last memory, so features come in any order of axes, and
  torch reduces and broadcasts such features by set some ten times as slowly as the same memory
  read in storage order;
- newly allocated memory costs more than arithmetic on it: what can be added in place is;
- a compiler sees plain operations only, and chooses the order by itself;
- every function is transformable: vmap, jvp, double backward (``torch.func``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["append_axes", "as_stored", "in_storage_order", "storage_order", "undo", "unfold"]


def append_axes(values: Tensor, like: Tensor) -> Tensor:
    """Return ``values`` with axes of size 1 appended, to the number of axes of ``like``."""
    return values.reshape(*values.shape, *[1] * (like.dim() - values.dim()))


def in_storage_order(x: Tensor, lead: int) -> bool:
    """Return whether :func:`storage_order` changes nothing: then no axis need be permuted."""
    return x.dim() <= lead + 1 or x.stride(lead) != 1


def storage_order(x: Tensor, lead: int) -> list[int]:
    """Return the axes of ``x``, those after the first ``lead`` in their order in memory.

    Example:
        >>> image = torch.empty(2, 3, 4, 4).to(memory_format=torch.channels_last)
        >>> storage_order(image, 1)
        [0, 2, 3, 1]
    """
    axes = list(range(x.dim()))
    if in_storage_order(x, lead):
        return axes
    return [*axes[:lead], *axes[lead + 1 :], lead]  # channels first in shape, last in memory


def undo(order: list[int]) -> list[int]:
    """Return the permutation that takes ``x.permute(order)`` back to ``x``."""
    return sorted(range(len(order)), key=order.__getitem__)


def as_stored(x: Tensor, f: Callable[[Tensor], Tensor], *, reduced: int = 1) -> Tensor:
    """Return ``f(x)`` in storage order; ``f`` removes ``reduced`` axes after the first."""
    if in_storage_order(x, 1 + reduced):
        return f(x)  # a permutation that changes nothing still costs time, and a node of the graph
    order = storage_order(x, 1 + reduced)
    y = f(x.permute(order))
    return y.permute(undo([0, *(axis - reduced for axis in order[1 + reduced :])]))


def unfold(x: Tensor, shape: torch.Size) -> Tensor:
    """Return ``x.reshape(shape)``, which joins the first axes of ``x``.

    Autograd adds the second gradient of a tensor to the first in place if nothing else refers to
    the first. The backward of ``reshape`` returns a view, whose base has another reference, which
    prevents this: a sum as large as ``x`` is then allocated.
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
        # Splitting an axis never copies. Unlike a view, the result does not reference a base.
        return torch.ops.aten._unsafe_view(gradient, ctx.before), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        return tangent.reshape(ctx.after)
