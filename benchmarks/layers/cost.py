"""Cost of networks for sets of images, over set sizes and image sizes."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.layers.set_networks import SET_NETWORKS
from benchmarks.layers.work import peak_bytes, step
from benchmarks.report import Row
from benchmarks.timing import Effort, interleave

__all__ = ["SIZES", "cost"]

COUNTS, SIZES = (4, 16, 64, 256, 1024), (8, 16, 32)
IMAGES = 256  # in all sets of a step, or in one set
REFERENCE, MOST_EXPENSIVE = "Siamese + mean", "attention in every layer"
MOST_PAIRS = 2 * 10**7  # of pixels in a layer: with more, attention takes many seconds per step


def cost(effort: Effort) -> Iterator[Row]:
    """Yield time and peak memory of a training step over those of a Siamese network.

    All have the same three convolutions of 32 channels, or flatten images to vectors.
    """
    for size in SIZES:
        for n in COUNTS:
            torch.manual_seed(0)
            x = torch.randn(max(1, IMAGES // n), n, 3, size, size)
            models = {name: build(size) for name, build in SET_NETWORKS.items()}
            if x.shape[0] * n * n * size * size > MOST_PAIRS:
                del models[MOST_EXPENSIVE]
            steps = {name: step(one, x, list(one.parameters())) for name, one in models.items()}
            timings = interleave(steps, effort)
            memory = {name: peak_bytes(run) for name, run in steps.items()}
            for name, model in models.items():
                where = f"{name}, n = {n}, {size} x {size} pixels"
                at = {"model": name, "n": n, "size": size}
                ratio = timings.ratio(name, REFERENCE)
                yield Row.of("training step over Siamese", where, ratio, at=at)
                share = memory[name] / memory[REFERENCE]
                yield Row("peak memory over Siamese", where, share, at=at)
                count = sum(weight.numel() for weight in model.parameters())
                yield Row("parameters", where, count, "", at=at)
