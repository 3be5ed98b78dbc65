"""A set U-Net in each of the eleven designs, from sets of images to sets of images.

Down- and up-sampling by strided convolutions, with skip connections. A DeepSets head is at the
bottom, as in the paper: two layers that share information over the set. Late aggregation is one
mean before the last layer.

If the output is one image, the decoder is followed by the maximum over the set and two
convolutions, as in the paper; late aggregation uses the mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import DSS, ElementSymmetry, FeatureType, element_group
from eqsets.deep import UNet
from eqsets.nn import SetPool, SetSequential, nonlinearity, norm
from experiments.models.designs import DESIGNS, Design
from experiments.models.plan import fit_budget

__all__ = ["UNetPlan", "unets_of"]

_INITIAL_SCALE = 0.1  # of the last layer, relative to the default


@dataclass(frozen=True)
class UNetPlan:
    """The common configuration of the U-Nets of a task.

    Arguments:
        symmetry: translations with a stride of ``begin`` times 2 to the number of levels.
        channels: of the input and the output.
        element: shape of an element, ``(channels, H, W)``, multiples of that stride.
        budget: number of parameters of every model, within 5 %.
        levels: number of down-sampling steps by 2.
        fuse: whether the output is one image per set.
        begin: stride of the first and of the last layer.
    """

    symmetry: ElementSymmetry
    channels: int
    element: tuple[int, ...]
    budget: int
    levels: int = 2
    fuse: bool = False
    begin: int = 1


class _Restoring(nn.Module):
    """Map ``(B, N, C, H, W)`` to the same shape, or ``(B, C, H, W)``: input plus a correction."""

    def __init__(self, plan: UNetPlan, design: Design, scale: int) -> None:
        super().__init__()
        self.symmetry, channels = plan.symmetry, plan.channels
        self.in_type = self.out_type = plan.symmetry.feature_type(channels)
        unit = 2 if "aittala" in (design.first, design.rest) else 1
        count = plan.levels + 1
        steps = [plan.begin * 2**level for level in range(count)]
        specs = [
            f"{unit * ((scale + level) // count)}" + (f" /{step}" if step > 1 else "")
            for level, step in enumerate(steps)
        ]
        fine, low = specs[0], specs[-1]
        down = list(itertools.pairwise(specs))
        make = partial(self._layer, design)
        outer = 3 if plan.begin == 1 else 2 * plan.begin
        bottom = ("max", "max") if design.head == "deep-sets" else ("none", "none")
        late = "mean" if design.head == "late" else None
        uses = [*[None] * (plan.levels - 1), None if plan.fuse else late]
        joined = zip(reversed(specs[:-1]), uses, strict=True)
        joins = [make(self._twice(spec), spec, kernel_size=3, use=use) for spec, use in joined]
        last = DSS(plan.symmetry, fine, channels, aggregation="none", kernel_size=outer)
        between = [self._layer(design, fine, fine, kernel_size=3, use="none")] if plan.fuse else []
        leave = SetSequential(*between, last)
        self.pool = SetPool(plan.symmetry, fine, late or "max") if plan.fuse else None
        self.leave = leave if plan.fuse else None
        self.body = UNet(
            make(channels, fine, kernel_size=outer, first=True),
            *[make(above, below, kernel_size=4) for above, below in down],
            SetSequential(*[make(low, low, kernel_size=1, use=use) for use in bottom]),
            *[make(below, above, kernel_size=4) for above, below in reversed(down)],
            *joins,
            self.pool or leave,
        )
        if plan.fuse:  # the initial output is near the mean of the set
            with torch.no_grad():
                for weight in last.parameters():
                    weight.mul_(_INITIAL_SCALE)

    def _twice(self, spec: str) -> str:
        count, _, step = spec.partition(" ")
        return f"{2 * int(count)} {step}".strip()

    def _layer(
        self,
        design: Design,
        source: Any,
        target: Any,
        *,
        first: bool = False,
        use: str | None = None,
        **options: Any,
    ) -> SetSequential:
        aggregation = use or (design.first if first else design.rest)
        if design.parts and aggregation == "centered":
            options["part_normalization"] = "batch"
            both = DSS(self.symmetry, source, target, aggregation=aggregation, **options)
            return SetSequential(both, nonlinearity(self.symmetry, both.out_type))
        layer = DSS(self.symmetry, source, target, aggregation=aggregation, **options)
        features: FeatureType = layer.out_type
        return SetSequential(
            layer, norm(self.symmetry, features, "batch"), nonlinearity(self.symmetry, features)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images of sets, ``(B, N, C, H, W)``; H and W multiples of the stride."""
        y: Tensor = self.body(x)
        if self.leave is None:
            return x + y
        fused: Tensor = self.leave(y.unsqueeze(1)).squeeze(1)  # a set of one image
        return x.mean(1) + fused


class _Flattened(nn.Module):
    """DeepSets on flattened images, without the symmetry of the elements."""

    def __init__(self, plan: UNetPlan, design: Design, scale: int) -> None:
        super().__init__()
        self.symmetry, self.fuse = plan.symmetry, plan.fuse
        self.in_type = self.out_type = plan.symmetry.feature_type(plan.channels)
        plain, size = element_group("trivial"), prod(plan.element)
        first, second = ((scale + extra) // 2 for extra in range(2))
        self.body = SetSequential(
            DSS(plain, size, first, aggregation=design.first),
            nonlinearity(plain, first),
            DSS(plain, first, second, aggregation=design.rest),
            nonlinearity(plain, second),
            DSS(plain, second, size, aggregation="none"),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images of sets, ``(B, N, C, H, W)``."""
        correction: Tensor = self.body(x.flatten(2)).view(x.shape)
        return (x + correction).mean(1) if self.fuse else x + correction


def build_unet(plan: UNetPlan, name: str) -> nn.Module:
    """Return the U-Net of a design with the number of parameters of the plan."""
    design = DESIGNS[name]
    kind = _Restoring if design.symmetric else _Flattened
    return fit_budget(lambda scale: kind(plan, design, scale), plan.budget, plan.levels + 1, name)


def unets_of(plan: UNetPlan) -> dict[str, Callable[[], nn.Module]]:
    """Return for each of the eleven names a function that builds the model."""
    return {name: partial(build_unet, plan, name) for name in DESIGNS}
