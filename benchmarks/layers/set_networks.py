"""Networks for sets of images that differ only in how images share information."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn.aggr import SetTransformerAggregation

from eqsets import DSS
from eqsets.nn import Readout, invariant

__all__ = ["SET_NETWORKS", "SetClassifier"]

CHANNELS, WIDTH, LAYERS, HEADS = 3, 32, 3, 4


class SetClassifier(nn.Module):
    """Map images ``(B, N, 3, S, S)`` to one vector per set ``(B, 32)``.

    Arguments:
        encoder: to ``(B, N, 32)``.
        head: from there.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.encoder(x))
        return y


class _PixelAttention(nn.Module):
    """Attention of each pixel to the same pixel of all images, with a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c, h, w = x.shape
        rows = x.permute(0, 3, 4, 1, 2).reshape(b * h * w, n, c)
        attended, _ = self.attention(rows, rows, rows, need_weights=False)
        return x + attended.view(b, h, w, n, c).permute(0, 3, 4, 1, 2)


class _Pooled(nn.Module):
    """PyG's set transformer, on sets of equal size."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = SetTransformerAggregation(WIDTH, num_encoder_blocks=2, heads=HEADS)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        index = torch.arange(b).repeat_interleave(n)
        y: Tensor = self.pool(x.reshape(b * n, c), index, dim_size=b, max_num_elements=n)
        return y


def _encoder(aggregation: str, *, attention: bool = False) -> nn.Module:
    parts: list[nn.Module] = []
    for layer in range(LAYERS):
        width = WIDTH if layer else CHANNELS
        one = DSS("translations", width, WIDTH, kernel_size=3, aggregation=aggregation)
        parts += [one, *([_PixelAttention()] if attention else []), nn.ReLU()]
    return nn.Sequential(*parts, invariant("translations", WIDTH))


def _mean() -> nn.Module:
    return Readout("trivial", WIDTH, WIDTH, "mean")


def _deep_sets() -> nn.Module:
    layers = (DSS("trivial", WIDTH, WIDTH, aggregation="mean") for _ in range(2))
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())), _mean())


def _transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), _mean())


def _vectors(size: int) -> SetClassifier:
    parts: list[nn.Module] = []
    for layer in range(LAYERS):
        width = WIDTH if layer else CHANNELS * size * size
        parts += [DSS("trivial", width, WIDTH, aggregation="mean"), nn.ReLU()]
    return SetClassifier(nn.Sequential(nn.Flatten(2), nn.Sequential(*parts)), _mean())


SET_NETWORKS = {
    "Siamese + mean": lambda size: SetClassifier(_encoder("none"), _mean()),
    "Siamese + DeepSets": lambda size: SetClassifier(_encoder("none"), _deep_sets()),
    "Siamese + attention (torch)": lambda size: SetClassifier(_encoder("none"), _transformer()),
    "Siamese + attention (PyG)": lambda size: SetClassifier(_encoder("none"), _Pooled()),
    "DSS (mean)": lambda size: SetClassifier(_encoder("mean"), _mean()),
    "attention in every layer": lambda size: SetClassifier(
        _encoder("none", attention=True), _mean()
    ),
    "DeepSets on pixels": _vectors,
}
