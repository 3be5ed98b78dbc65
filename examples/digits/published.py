r"""The published inference network and its loss, as a baseline.

From the paper (Allingham et al., *A Generative Model of Symmetry Transformations*, NeurIPS 2024,
section 3 and appendices), for digits: a dense network 2048-1024-512-256 predicts the five
parameters of ``"affine-no-shear"``, with a learned standard deviation; two random views, one
composed transformation, cubic splines, an invertibility term of weight 0.1, five samples, AdamW
with a warm-up and a cosine. It uses our training loop and our warps, which are faster than the
published ones. Defects are not reproduced (border pixels that become background by rounding).
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

__all__ = ["PUBLISHED", "TUNED", "Published", "Settings", "train", "with_time_limit"]

_SPREAD = log(exp(0.01) - 1)  # softplus of it is 0.01
_SPREAD_RATE = 30.0  # learning rate of the spread relative to the weights: 9e-3 and 3e-4


@dataclass(frozen=True)
class Settings:
    """The configuration of the published training.

    Attributes:
        plan: batch, learning rate, samples and steps.
        order: of the interpolation; the inverse of the invertibility term is always cubic.
        invertibility: weight of that term.
        inverse_order: order of the inverse in it.
    """

    plan: StagePlan
    order: int = 3
    invertibility: float = 0.1
    inverse_order: int = 3


PUBLISHED = Settings(PRESETS["paper"].inference)
"""The published settings; the schedule is scaled to the number of steps."""

TUNED = Settings(
    StagePlan(60_000, batch=128, learning_rate=3e-4, warmup=0.05, final=1e-3, clip=10.0),
    order=1,
    inverse_order=1,
)
"""The published network with the best settings for minutes on a CPU."""


class Output(NamedTuple):
    """The output of inference."""

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
        """Return parameters ``(B, 5)``: the means, or samples."""
        z = self.encoder(x)
        if generator is not None:
            noise = torch.randn(z.shape, generator=generator, dtype=z.dtype)
            z = z + noise * F.softplus(_SPREAD + _SPREAD_RATE * self.spread)
        return z * self.bounds

    def forward(self, x: Tensor) -> Output:
        """Infer the group elements of images ``(B, C, H, W)`` relative to their prototypes."""
        return Output(self.family.element(self.eta(x)))


class PublishedObjective(Objective):
    """The published loss, and the quality of prototypes with the CPU time.

    The time of the evaluation is not counted. The time starts from ``spent``, that of an
    interrupted training in the checkpoint.
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
        group, views, inferred = family.group, [], []
        for _ in range(2):
            drawn = family.sample(len(x), generator=step.generator, dtype=x.dtype)
            r = family.element(drawn)
            view = family.act(r, x, order=settings.order)
            eta = self.network.eta(view, step.generator)
            views.append((r, view))
            inferred.append(family.element(eta))
        (r1, first), (r2, _) = views
        first_pose = group.compose(group.inverse(inferred[0]), r1)
        second_pose = group.compose(group.inverse(r2), inferred[1])
        g = group.compose(second_pose, first_pose)
        reconstruction = family.act(g, x, order=settings.order)
        terms = {"image": (x - reconstruction).square().mean()}
        total = terms["image"]
        if settings.invertibility:
            moved = family.act(inferred[0], first, order=settings.order)
            back = family.act(group.inverse(inferred[0]), moved, order=settings.inverse_order)
            terms["inverse"] = (first - back).square().mean()
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
    """Train the published network; return it at its best step, and its curve.

    The best step is selected by ``quality`` on its images, which favours the baseline.

    Args:
        images: training images.
        settings: of the training.
        quality: measures of a network on other images; ``"share"`` is the criterion.
        seed: of weights and draws.
        folder: for checkpoints; an interrupted training resumes.
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


def with_time_limit(
    settings: Settings, images: Tensor, seconds: float, *, checks: int = 10
) -> Settings:
    """Return the settings with the number of steps of some CPU seconds, and of evaluations."""
    short = replace(settings, plan=replace(settings.plan, steps=6, check_every=3))
    curve = train(images, short, lambda _: {"share": 0.0})[1]
    steps = max(1, round(seconds * 3 / (curve[1]["cpu"] - curve[0]["cpu"])))
    plan = replace(settings.plan, steps=steps, check_every=max(1, steps // checks))
    return replace(settings, plan=plan)
