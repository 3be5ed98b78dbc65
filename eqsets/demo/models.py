r"""The three networks that the demo compares, built from public names of eqsets.

All restore one photo from a burst ``(B, N, 3, H, W)``: the mean frame plus a correction. All work
on half the resolution, in residual blocks of two convolutions, and have the same number of
parameters to within 5 %. They differ in one thing: where frames learn of each other.

==================  ===========================================================================
``siamese``         nowhere: each frame is corrected by itself, then the corrections are averaged
``late``            once: features of each frame, then mean and maximum over the burst (as in
                    DeepSets), then a decoder
``dss``             in every layer
==================  ===========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import DSS, ElementSymmetry, FeatureType, element_group
from eqsets.nn import SetPool, SetSequential, nonlinearity

__all__ = ["MODELS", "Restorer", "dss", "late", "siamese"]

_ENDS = 4  # kernel size of the strided first and the transposed last layer


class Residual(nn.Module):
    """Add to a set what a set module makes of it; the last layer of that begins small."""

    keeps_set = True

    def __init__(self, body: SetSequential) -> None:
        super().__init__()
        self.body = body
        self.in_type, self.out_type = body.in_type, body.out_type
        _shrink(body.layers[-1], 0.3)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        """Map ``x: (B, N, C, H, W)`` to the same shape."""
        correction: Tensor = self.body(x, mask, structure=structure)
        return x + correction


class LateAggregation(nn.Module):
    """Features of each frame, their mean and maximum over the burst, then a decoder.

    Arguments:
        encoder: keeps the set, works on each frame alone.
        decoder: maps a set of one, the mean and the maximum side by side.
    """

    keeps_set = False

    def __init__(self, encoder: SetSequential, decoder: SetSequential) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.in_type, self.out_type = encoder.in_type, decoder.out_type
        features = encoder.out_type
        self.pools = nn.ModuleList(
            SetPool("translations", features, kind) for kind in ("mean", "max")
        )

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        """Map ``x: (B, N, 3, H, W)`` to ``(B, 3, H, W)``."""
        features = self.encoder(x, mask, structure=structure)
        pooled = torch.cat([pool(features, mask) for pool in self.pools], 1)
        decoded: Tensor = self.decoder(pooled.unsqueeze(1))
        return decoded.squeeze(1)


class Restorer(nn.Module):
    """Restore a burst: the mean frame, plus what the network makes of the frames."""

    def __init__(self, network: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.network = network
        _shrink(last, 0.1)  # begin close to the mean frame

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames ``(B, N, 3, H, W)`` in [0, 1] to photos ``(B, 3, H, W)``; even H and W."""
        correction: Tensor = self.network(frames - 0.5)
        return frames.mean(1) + correction


def _shrink(layer: nn.Module, factor: float) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(factor)


class _Parts:
    """The layers of a network of some width, with one way to aggregate."""

    def __init__(self, width: int, aggregation: str, first: str) -> None:
        self.images: ElementSymmetry = element_group("translations")
        self.features: FeatureType = self.images.feature_type(f"{width} /2")
        self.aggregation, self.first_aggregation = aggregation, first

    def activation(self) -> nn.Module:
        return nonlinearity(self.images, self.features)

    def conv(self, source: Any = None) -> DSS:
        source = self.features if source is None else source
        return DSS(self.images, source, self.features, aggregation=self.aggregation, kernel_size=3)

    def block(self) -> Residual:
        return Residual(SetSequential(self.conv(), self.activation(), self.conv()))

    def first(self) -> list[nn.Module]:
        down = DSS(
            self.images,
            3,
            self.features,
            aggregation=self.first_aggregation,
            stride=2,
            kernel_size=_ENDS,
        )
        return [down, self.activation()]

    def last(self) -> DSS:
        return DSS(self.images, self.features, 3, aggregation=self.aggregation, kernel_size=_ENDS)


def dss(width: int = 20, blocks: int = 4) -> Restorer:
    """Return the DSS network: every layer aggregates, the first by the mean, then the maximum."""
    return _element_by_element(width, blocks, "max", "mean")


def siamese(width: int = 29, blocks: int = 4) -> Restorer:
    """Return the same network without aggregation, wider instead."""
    return _element_by_element(width, blocks, "none", "none")


def _element_by_element(width: int, blocks: int, aggregation: str, first: str) -> Restorer:
    parts = _Parts(width, aggregation, first)
    middle = [parts.block() for _ in range(blocks)]
    last = parts.last()
    pool = SetPool(parts.images, 3, "mean")
    return Restorer(SetSequential(*parts.first(), *middle, parts.activation(), last, pool), last)


def late(width: int = 26, blocks: int = 4) -> Restorer:
    """Return the network with late aggregation: half of the blocks before it, half behind."""
    parts = _Parts(width, "none", "none")
    before = [parts.block() for _ in range(blocks - blocks // 2)]
    behind = [parts.block() for _ in range(blocks // 2)]
    last = parts.last()
    both = parts.images.feature_type(f"{2 * width} /2")
    decoder = SetSequential(parts.conv(both), parts.activation(), *behind, parts.activation(), last)
    return Restorer(LateAggregation(SetSequential(*parts.first(), *before), decoder), last)


MODELS: Mapping[str, Callable[[], Restorer]] = MappingProxyType(
    {"siamese": siamese, "late": late, "dss": dss}
)
