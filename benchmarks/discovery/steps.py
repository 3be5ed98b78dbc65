"""One step of stage 1, loss to optimiser: ours, and the published configuration in turn.

Ours is that of the preset ``quick``: 128 digits, linear interpolation, closed-form frame, learned
direction and correction. The published one: 512 digits, five samples of each, cubic splines, the
dense network of 4.4 million parameters; on our warps. (The published JAX code takes 6.9 s for it on
two CPUs of this kind, under load.)
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import torch

from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import transformation
from eqsets.generative import PRESETS, Inference, LossWeights, StagePlan
from eqsets.generative.fitting.inference_stage import InferenceObjective
from eqsets.training.objective import Objective, Step
from examples.digits.data import SHAPE, digits
from examples.digits.published import PUBLISHED, Published, PublishedObjective

__all__ = ["steps"]


def steps(effort: Effort) -> Iterator[Row]:
    """Yield steps per second of both, and their ratio."""
    images = digits()[0][:4500]
    family, preset = transformation("affine-no-shear"), PRESETS["quick"]
    torch.manual_seed(0)
    inference = Inference(family, SHAPE, "canonical").train()
    ours = InferenceObjective(inference, images, images[:1], preset, family.bounds, LossWeights())
    theirs = PublishedObjective(Published(SHAPE), images, PUBLISHED, lambda _: {})
    timings = interleave(
        {"ours": _step(ours, preset.inference), "published": _step(theirs, PUBLISHED.plan)}, effort
    )
    for name, plan in (("ours", preset.inference), ("published", PUBLISHED.plan)):
        speeds = [1 / seconds for seconds in timings.wall[name]]
        low, median, high = statistics.quantiles(speeds, n=4)
        yield Row(
            f"step of stage 1, {name}",
            f"{plan.batch} x {plan.samples} digits",
            median,
            "steps/s",
            low,
            high,
            statistics.median(1 / seconds for seconds in timings.cpu[name]),
            foreign=timings.foreign,
        )
    yield Row.of("published over ours", "step of stage 1", timings.ratio("published", "ours"))


def _step(objective: Objective, plan: StagePlan) -> Callable[[], None]:
    trained = [p for p in objective.network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-6)
    step = Step(0, plan.steps, plan.batch, torch.Generator().manual_seed(0))

    def once() -> None:
        optimiser.zero_grad(set_to_none=True)
        objective.loss(step)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(trained, plan.clip)
        optimiser.step()

    return once
