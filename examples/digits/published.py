r"""The published inference network and its loss, as the reference that ours is measured against.

From the paper (Allingham et al., *A Generative Model of Symmetry Transformations*, NeurIPS 2024,
section 3 and appendices), for digits: a dense network 2048-1024-512-256 predicts the five
parameters of ``"affine-no-shear"``, with a learned spread; two random views, one composed
transformation, cubic splines, an invertibility term of weight 0.1, five samples, AdamW with a
warm-up and a cosine. It runs in our loop and on our warps, which are faster than the published
ones. Defects are not reproduced (pixels at the border that turn into background by rounding).
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, log
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import eqsets
from eqsets.families import DenseEncoder
from eqsets.generative import PRESETS, StagePlan
from eqsets.training import FitOptions, Objective, Step, fingerprint, run_stage

__all__ = ["PUBLISHED", "TUNED", "Published", "Settings", "train", "worth"]

_SPREAD = log(exp(0.01) - 1)  # softplus makes 0.01 of it
_HASTE = 30.0  # the spread learns with 30 times the rate of the weights: 9e-3 and 3e-4


@dataclass(frozen=True)
class Settings:
    """What the published training is given.

    Attributes:
        plan: batch, learning rate, samples and steps.
        order: of the interpolation; the inverse of the invertibility term is always cubic.
        invertibility: weight of that term.
        forth_and_back: order of the inverse in it.
    """

    plan: StagePlan
    order: int = 3
    invertibility: float = 0.1
    forth_and_back: int = 3


PUBLISHED = Settings(PRESETS["paper"].inference)
"""The published settings; the schedule is shrunk to the steps that are made."""

TUNED = Settings(
    StagePlan(60_000, batch=128, learning_rate=3e-4, warmup=0.05, final=1e-3, clip=10.0),
    order=1,
    forth_and_back=1,
)
"""The published network with what served it best in minutes on a CPU."""


class Found(NamedTuple):
    """What inference is asked for."""

    g: Tensor


class Published(nn.Module):
    """The published inference network: from images to group elements of its family."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.family = eqsets.transformation("affine-no-shear")
        count = len(self.family.names)
        self.encoder = DenseEncoder(image_shape, count)
        self.spread = nn.Parameter(torch.zeros(count))
        self.register_buffer("bounds", self.family.bounds[:, 1].float())
        layers = [layer for layer in self.encoder if isinstance(layer, nn.Linear)]
        for layer in layers:
            wide = layer.in_features**-0.5 / 0.87962566  # of a normal cut off at two deviations
            nn.init.trunc_normal_(layer.weight, std=wide, a=-2 * wide, b=2 * wide)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(layers[-1].weight)

    def eta(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return parameters ``(B, 5)``: the means, or drawn around them."""
        z = self.encoder(x)
        if generator is not None:
            noise = torch.randn(z.shape, generator=generator, dtype=z.dtype)
            z = z + noise * F.softplus(_SPREAD + _HASTE * self.spread)
        return z * self.bounds

    def forward(self, x: Tensor) -> Found:
        """Infer the elements that made images ``(B, C, H, W)`` of their prototypes."""
        return Found(self.family.element(self.eta(x)))


class PublishedObjective(Objective):
    """The published loss, and the quality of prototypes with the CPU seconds that it took.

    Seconds of looking at the quality are not counted. They go on from ``spent``, those of the part
    of an interrupted training that its checkpoint holds.
    """

    monitor = "share"

    def __init__(
        self,
        network: Published,
        images: Tensor,
        settings: Settings,
        quality: Callable[[Published], dict[str, float]],
        spent: float = 0.0,
    ) -> None:
        self.network: Published = network
        self.images, self.settings, self.quality = images, settings, quality
        self.spent, self.began = spent, -1.0
        self.last = torch.zeros(())

    def to(self, device: torch.device) -> None:
        self.images = self.images.to(device)

    def loss(self, step: Step) -> dict[str, Tensor]:
        if self.began < 0:
            self.began = time.process_time()
        settings, family = self.settings, self.network.family
        x = self.images[step.choose(len(self.images))]
        x = x.repeat(settings.plan.samples, 1, 1, 1)
        group, views, found = family.group, [], []
        for _ in range(2):
            drawn = family.sample(len(x), generator=step.generator, dtype=x.dtype)
            r = family.element(drawn)
            view = family.act(r, x, order=settings.order)
            eta = self.network.eta(view, step.generator)
            views.append((r, view))
            found.append(family.element(eta))
        (r1, first), (r2, _) = views
        there = group.compose(group.inverse(found[0]), r1)
        back = group.compose(group.inverse(r2), found[1])
        again = family.act(group.compose(back, there), x, order=settings.order)
        terms = {"image": (x - again).square().mean()}
        total = terms["image"]
        if settings.invertibility:
            out = family.act(found[0], first, order=settings.order)
            home = family.act(group.inverse(found[0]), out, order=settings.forth_and_back)
            terms["inverse"] = (first - home).square().mean()
            total = total + settings.invertibility * terms["inverse"]
        self.last = total.detach()
        return {"loss": total, **terms}

    def check(self) -> dict[str, float]:
        now = time.process_time()
        self.spent += now - self.began
        self.network.eval()
        numbers = {"cpu": self.spent, "train": float(self.last), **self.quality(self.network)}
        self.network.train()
        self.began = time.process_time()
        return numbers


def train(
    images: Tensor,
    settings: Settings,
    quality: Callable[[Published], dict[str, float]],
    *,
    seed: int = 0,
    folder: Path | None = None,
) -> tuple[Published, list[dict[str, float]]]:
    """Train the published network; return it at its best, and its curve.

    Which step is best is decided by ``quality``, on the images that it is measured with: what this
    brings is a favour to the reference.

    Args:
        images: to learn from.
        settings: of the training.
        quality: numbers of a network, measured on other images; ``"share"`` decides.
        seed: of weights and draws.
        folder: for checkpoints: a training that was killed goes on from there.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Published((images.shape[1], images.shape[2], images.shape[3]))
    known = None if folder is None else folder / "inference.csv"
    spent = 0.0
    if known is not None and known.exists():
        with known.open() as file:
            spent = float(list(csv.DictReader(file))[-1]["cpu"])
    network.train()
    curve = run_stage(
        PublishedObjective(network, images, settings, quality, spent),
        settings.plan,
        name="inference",
        identity=fingerprint(images, settings, seed),
        options=FitOptions(seed=seed, folder=folder, quiet=True, devices={"accelerator": "cpu"}),
    )
    return network.eval(), curve


def worth(settings: Settings, images: Tensor, seconds: float, *, looks: int = 10) -> Settings:
    """Return the settings with as many steps as so many seconds of CPU are worth, and looks."""
    short = replace(settings, plan=replace(settings.plan, steps=6, check_every=3))
    curve = train(images, short, lambda _: {"share": 0.0})[1]
    steps = max(1, round(seconds * 3 / (curve[1]["cpu"] - curve[0]["cpu"])))
    plan = replace(settings.plan, steps=steps, check_every=max(1, steps // looks))
    return replace(settings, plan=plan)
