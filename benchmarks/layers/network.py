"""A restoration network and a straightforward implementation of the paper's block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.layers.work import peak_bytes, step
from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import SetNetwork

__all__ = ["ObviousBlock", "network"]

BURSTS, FRAMES, SIZE = 8, 6, 48
WIDTHS = (3, 32, 32, 32, 3)


class ObviousBlock(nn.Module):
    """A straightforward implementation of the published image block, on ``(B, N, C, H, W)``.

    act(BN(conv(x_i)) + BN(conv(sum_j x_j))), the sum repeated to every element.
    """

    def __init__(self, in_channels: int, out_channels: int, last: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv_set = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.Identity() if last else nn.BatchNorm2d(out_channels)
        self.norm_set = nn.Identity() if last else nn.BatchNorm2d(out_channels)
        self.act = nn.Identity() if last else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        b, n, c, h, w = x.shape
        own = self.norm(self.conv(x.view(b * n, c, h, w)))
        total = self.norm_set(self.conv_set(x.sum(1)))
        shared = total.view(b, 1, *total.shape[1:]).repeat(1, n, 1, 1, 1)
        y: Tensor = self.act(own + shared.view(b * n, *total.shape[1:]))
        return y.view(b, n, *y.shape[1:])


def network(effort: Effort) -> Iterator[Row]:
    """Yield the speed-up of a network of DSS layers in training and inference, and its memory."""
    torch.manual_seed(0)
    obvious = nn.Sequential(*(ObviousBlock(a, b, b == 3) for a, b in pairwise(WIDTHS)))
    ours = SetNetwork(
        "translations", WIDTHS, aggregation="sum", normalization="batch", kernel_size=3
    )
    x = torch.randn(BURSTS, FRAMES, 3, SIZE, SIZE)
    runs = {}
    for name, model in {"obvious": obvious, "ours": ours}.items():
        runs[name] = step(model, x, list(model.parameters()))
    setting = f"{BURSTS} bursts of {FRAMES} frames of {SIZE} x {SIZE}, {'-'.join(map(str, WIDTHS))}"
    timings = interleave(runs, effort.times(4))
    ratio = timings.ratio("obvious", "ours")
    yield Row.of("obvious network over ours, training", setting, ratio, (">=", 1.30))
    peaks = {name: peak_bytes(run) for name, run in runs.items()}
    yield Row("peak memory, obvious over ours", setting, peaks["obvious"] / peaks["ours"])
    obvious.eval()
    ours.eval()

    def predict(model: nn.Module) -> None:
        with torch.no_grad():
            model(x)

    timings = interleave(
        {"obvious": lambda: predict(obvious), "ours": lambda: predict(ours)}, effort
    )
    yield Row.of("obvious network over ours, predicting", setting, timings.ratio("obvious", "ours"))
