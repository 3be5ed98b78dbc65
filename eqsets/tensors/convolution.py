"""Convolutions in half precision, also on processors that have none.

A CPU without instructions for bfloat16 convolves with a loop of torch that adds up in bfloat16: the
gradient of a weight stops to grow after 256 terms (a relative error of 0.35 for 1200 small images
was measured), and the loop takes seven times as long as float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv2d_weight

__all__ = ["convolved"]

_TERMS = 4096  # more than the whole numbers that float16 counts up to


def _adds_up(dtype: torch.dtype) -> bool:
    """Return whether the gradient of a weight in ``dtype`` is the sum of all its terms."""
    with torch.autocast("cpu", enabled=False):
        ones = torch.ones(_TERMS, 1, 1, 1, dtype=dtype, device="cpu")
        slope = conv2d_weight(ones, (1, 1, 1, 1), ones)
    return type(slope) is Tensor and float(slope) == _TERMS  # fake tensors have no values


_INEXACT = tuple(one for one in (torch.float16, torch.bfloat16) if not _adds_up(one))


def convolved(
    convolve: Callable[..., Tensor], x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any
) -> Tensor:
    """Return ``convolve(x, weight, bias, *options)``, in float32 where half precision is inexact.

    Args:
        convolve: a convolution of ``torch.nn.functional``.
        x: the input; the result has its dtype.
        weight: of the same dtype.
        bias: of the same dtype, or ``None``.
        options: what else the convolution takes.

    Example:
        >>> x, weight = torch.ones(1, 1, 3), torch.ones(1, 1, 1)
        >>> convolved(torch.nn.functional.conv1d, x, weight, None)
        tensor([[[1., 1., 1.]]])
    """
    if x.device.type != "cpu" or x.dtype not in _INEXACT or weight.dtype != x.dtype:
        return convolve(x, weight, bias, *options)
    wide = None if bias is None else bias.float()
    return convolve(x.float(), weight.float(), wide, *options).to(x.dtype)
