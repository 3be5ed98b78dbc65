"""What code may do with a tensor while a program is traced, vectorised or differentiated.

``torch.compile``, ``torch.export``, fake tensors and :mod:`torch.func` run Python on tensors whose
values are not known, or that have axes which Python does not see. Checks of values and writes into
existing tensors are skipped there; checks of shapes, dtypes and devices always run.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["free_to_read", "transformed", "values_known", "writable"]


def transformed(*tensors: Tensor) -> bool:
    """Return whether :mod:`torch.func` wraps one of the tensors: some operations have no rule."""
    if torch.compiler.is_compiling():
        return False
    return any(torch._C._functorch.is_functorch_wrapped_tensor(x) for x in tensors)


def writable(x: Tensor) -> bool:
    """Return whether results computed with ``x`` may be written into an existing tensor.

    Not under :mod:`torch.func`, where ``x`` may have a batch axis that the target lacks, and not
    while compiling, where it makes no difference.
    """
    if torch.compiler.is_compiling():
        return False
    return not torch._C._functorch.is_functorch_wrapped_tensor(x)


def values_known(x: Tensor) -> bool:
    """Return whether ``x`` has values that Python can read; on accelerators this waits.

    Example:
        >>> values_known(torch.zeros(2)), values_known(torch.zeros(2, device="meta"))
        (True, False)
    """
    return writable(x) and type(x) is Tensor and x.device.type != "meta"


def free_to_read(x: Tensor) -> bool:
    """Return whether ``x`` has values that Python can read without waiting for a device."""
    return x.device.type == "cpu" and values_known(x)
