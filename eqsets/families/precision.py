"""Compute positions in full precision: autocast off, half precision promoted.

A position in bfloat16 is off by two pixels on an image of 256. So whatever computes *where* (group
elements, parameters, frames, warps) runs in float32 at least, whatever the context of its caller.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

__all__ = ["at_least_float32", "without_autocast"]

P = ParamSpec("P")
R = TypeVar("R")


def at_least_float32(x: Tensor) -> Tensor:
    """Return ``x`` in float32 if it is in half precision, else ``x`` itself.

    Example:
        >>> at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
        >>> at_least_float32(torch.zeros(1, dtype=torch.float64)).dtype
        torch.float64
    """
    half = x.is_floating_point() and x.dtype.itemsize < 4
    return x.float() if half else x


def without_autocast(function: Callable[P, R]) -> Callable[P, R]:
    """Return ``function`` with autocast off on the devices of its tensor arguments.

    Decorate :meth:`~eqsets.TransformationFamily.element`,
    :meth:`~eqsets.TransformationFamily.parameters`, :meth:`~eqsets.TransformationFamily.act`, the
    products of the group and the ``forward`` of frames with it if they multiply matrices:
    ``torch.autocast`` computes these in half precision.

    Example:
        >>> product = without_autocast(torch.matmul)
        >>> with torch.autocast("cpu", torch.bfloat16):
        ...     torch.eye(2).matmul(torch.eye(2)).dtype, product(torch.eye(2), torch.eye(2)).dtype
        (torch.bfloat16, torch.float32)
    """

    @wraps(function)
    def precise(*args: P.args, **kwargs: P.kwargs) -> R:
        for kind in _devices(args):
            if torch.is_autocast_enabled(kind):
                with torch.autocast(kind, enabled=False):
                    return precise(*args, **kwargs)
        return function(*args, **kwargs)

    return precise


def _devices(args: tuple[Any, ...]) -> list[str]:
    kinds = [one.device.type for one in args if isinstance(one, Tensor)]
    return [kind for kind in dict.fromkeys(kinds) if kind != "meta"]
