"""Signals: channels along one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from eqsets.errors import ShapeError
from eqsets.families.domains.advice import for_grids
from eqsets.families.domains.grid import Grid
from eqsets.families.domains.recommend import Finding, Recommendation
from eqsets.families.domains.thumbnails import curves

__all__ = ["Signals"]

_SHORT = 8  # samples: fewer are taken for channels


@dataclass(frozen=True)
class Signals(Grid):
    """Signals ``(*batch, C, T)``, of any range, 0 where there is nothing.

    Arguments:
        channels: how many a signal must have; ``None``: any number.

    Example:
        >>> import torch
        >>> Signals().size_of(torch.zeros(8, 1, 64))
        (64,)
        >>> Signals().reading((300, 2, 64))
        '300 signals of 2 channels and 64 samples'
    """

    noun = "signals"
    layout = ("C", "T")
    spatial = 1
    default_size = (64,)

    def reading(self, shape: tuple[int, ...]) -> str:
        if len(shape) == 2 and shape[1] >= _SHORT:
            return f"{shape[0]} signals of 1 channel and {shape[1]} samples"
        if len(shape) != 3 or max(shape[1:]) < _SHORT:
            return ""
        if shape[2] < min(shape[1], _SHORT):
            return f"{shape[0]} signals of {shape[1]} samples with channels last: transpose them"
        channels = "1 channel" if shape[1] == 1 else f"{shape[1]} channels"
        return f"{shape[0]} signals of {channels} and {shape[2]} samples"

    def arrange(self, x: Tensor, axes: str | None = None) -> Tensor:
        """Return signals ``(n, C, T)``; ``(n, T)`` are of one channel."""
        x = super().arrange(x, axes)
        x = x[:, None] if x.dim() == 2 else x
        if x.dim() == 3 and x.shape[2] < min(x.shape[1], _SHORT):
            raise ShapeError(
                f"got signals of shape {tuple(x.shape)}: {x.shape[1]} channels and {x.shape[2]} "
                "samples, which may have the channels last; expected (n, C, T). Write "
                "x.transpose(0, 2, 1)."
            )
        if x.dim() == 3 and x.shape[2] < _SHORT:
            raise ShapeError(
                f"got signals of {x.shape[2]} samples, shape {tuple(x.shape)}, expected {_SHORT} "
                'samples at least. Shorter ones are vectors: kind="vectors" (--kind vectors).'
            )
        return x

    def standardise(self, x: Tensor) -> tuple[Tensor, str]:
        """Return signals divided by the standard deviation of all values; zero stays zero.

        Gains and polarity are about zero, so nothing is subtracted.
        """
        size = float(x.double().std())
        return (x / size if size > 0 else x), f"1 = {size:.4g}, the standard deviation"

    def default_family(self, x: Tensor) -> tuple[Tensor, str]:
        """Return shifts and scales of time, offsets, gains and polarity."""
        return x, "time+amplitude"

    def recommend(self, findings: Sequence[Finding], shape: tuple[int, ...]) -> Recommendation:
        return for_grids(findings, shape[0], 1, self.noun)

    def thumbnail(self, x: Tensor) -> Tensor:
        return curves(x)
