r"""The three networks that the demo compares, built from public names of eqsets.

All restore one photo from a burst ``(B, N, 3, H, W)``: the mean frame plus a correction. All work
at half the resolution, in residual blocks of two convolutions, and have the same number of
parameters within 5 %. They differ in one thing: where information is shared between frames.

==================  ===========================================================================
``siamese``         nowhere: each frame is corrected separately, then the corrections are averaged
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

_OUTER_KERNEL_SIZE = 4  # of the strided first and the transposed last layer


class Residual(nn.Module):
    """A residual block of a set module, whose last layer is initialised with small weights."""

    keeps_set = True

    def __init__(self, body: SetSequential) -> None:
        super().__init__()
        self.body = body
        self.in_type, self.out_type = body.in_type, body.out_type
        _scale(body.layers[-1], 0.3)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        """Map ``x: (B, N, C, H, W)`` to the same shape."""
        correction: Tensor = self.body(x, mask, structure=structure)
        return x + correction


class Pooled(nn.Module):
    """Features of a burst, their mean (and maximum) over the frames, then a decoder.

    Arguments:
        encoder: maps a set of frames to a set of features.
        decoder: maps a set of one element, the concatenated aggregates.
        aggregations: over the frames.
    """

    keeps_set = False

    def __init__(self, encoder: SetSequential, decoder: SetSequential, *aggregations: str) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.in_type, self.out_type = encoder.in_type, decoder.out_type
        features = encoder.out_type
        self.pools = nn.ModuleList(SetPool("translations", features, kind) for kind in aggregations)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        """Map ``x: (B, N, 3, H, W)`` to ``(B, 3, H, W)``."""
        features = self.encoder(x, mask, structure=structure)
        pooled = torch.cat([pool(features, mask) for pool in self.pools], 1)
        decoded: Tensor = self.decoder(pooled.unsqueeze(1))
        return decoded.squeeze(1)


class Restorer(nn.Module):
    """Restore a burst: the mean frame plus the output of a network."""

    def __init__(self, network: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.network = network
        _scale(last, 0.1)  # the initial output is close to the mean frame

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames ``(B, N, 3, H, W)`` in [0, 1] to photos ``(B, 3, H, W)``; even H and W."""
        correction: Tensor = self.network(frames - 0.5)
        return frames.mean(1) + correction


def _scale(layer: nn.Module, factor: float) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(factor)


class _Layers:
    """Layers of one width and one aggregation."""

    def __init__(self, width: int, aggregation: str) -> None:
        self.images: ElementSymmetry = element_group("translations")
        self.features: FeatureType = self.images.feature_type(f"{width} /2")
        self.aggregation = aggregation

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
            aggregation=self.aggregation,
            stride=2,
            kernel_size=_OUTER_KERNEL_SIZE,
        )
        return [down, self.activation()]

    def last(self) -> DSS:
        return DSS(
            self.images,
            self.features,
            3,
            aggregation=self.aggregation,
            kernel_size=_OUTER_KERNEL_SIZE,
        )


def dss(width: int = 20, blocks: int = 4) -> Restorer:
    """Return the DSS network: a map of the differences from the mean, and one of the mean."""
    return _network(width, blocks, "centered")


def siamese(width: int = 29, blocks: int = 4) -> Restorer:
    """Return the same network without aggregation, with a larger width."""
    return _network(width, blocks, "none")


def _network(width: int, blocks: int, aggregation: str) -> Restorer:
    layers = _Layers(width, aggregation)
    middle = [layers.block() for _ in range(blocks)]
    encoder = SetSequential(*layers.first(), *middle, layers.activation())
    last = _Layers(width, "none").last()  # linear: the mean over the set comes before it
    return Restorer(Pooled(encoder, SetSequential(last), "mean"), last)


def late(width: int = 26, blocks: int = 4) -> Restorer:
    """Return the network with late aggregation: half of the blocks before it, half after it."""
    layers = _Layers(width, "none")
    before = [layers.block() for _ in range(blocks - blocks // 2)]
    after = [layers.block() for _ in range(blocks // 2)]
    last = layers.last()
    both = layers.images.feature_type(f"{2 * width} /2")
    decoder = SetSequential(
        layers.conv(both), layers.activation(), *after, layers.activation(), last
    )
    encoder = SetSequential(*layers.first(), *before)
    return Restorer(Pooled(encoder, decoder, "mean", "max"), last)


MODELS: Mapping[str, Callable[[], Restorer]] = MappingProxyType(
    {"siamese": siamese, "late": late, "dss": dss}
)
