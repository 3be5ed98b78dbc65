"""Whether gradients can be compared in half precision: not where two maxima nearly agree.

A module that takes maxima of what it has computed gives the gradient to one of them. Where two are
nearly equal, rounding decides to which, and gradients differ that are both right.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from eqsets.equivariance import relative_error
from eqsets.testing.tolerance import rounding

__all__ = ["TRIES", "away_from_ties"]

TRIES = 4  # inputs that are drawn until one is away from ties
_NOISE = 4  # times the rounding of a number: activations have been rounded several times
_DRAWS = 2


def away_from_ties(
    module: nn.Module, gradients: Callable[[], Tensor], dtype: torch.dtype, seed: int
) -> bool:
    """Return whether noise as large as the rounding of ``dtype`` hardly changes the gradients.

    Arguments:
        module: in float32 or float64; its weights are restored.
        gradients: returns all gradients of the module in a row.
        dtype: half precision that will be compared.
        seed: of the noise on the weights.
    """
    before, generator = gradients(), torch.Generator().manual_seed(seed)
    stored = {name: one.detach().clone() for name, one in module.named_parameters()}
    steady = True
    for _ in range(_DRAWS):
        with torch.no_grad():
            for name, one in module.named_parameters():
                noise = torch.randn(one.shape, generator=generator, dtype=one.dtype)
                one.copy_(stored[name] * (1 + _NOISE * torch.finfo(dtype).eps * noise))
        steady = steady and relative_error(gradients(), before) <= rounding(dtype) / 2
    with torch.no_grad():
        for name, one in module.named_parameters():
            one.copy_(stored[name])
    return steady
