"""A set U-Net in each of the nine designs: sets of images in, sets of images out.

Two levels down and up by strided convolutions, with skips. A design with a DeepSets head has it at
the bottom, as in the paper: two layers that share over the set. Late aggregation is one mean before
the last layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import DSS, ElementSymmetry, FeatureType, element_group
from eqsets.nn import SetSequential, nonlinearity, norm
from experiments.designs import DESIGNS, Design
from experiments.plan import fit_budget

__all__ = ["SetUNet", "UNetPlan", "unets_of"]


@dataclass(frozen=True)
class UNetPlan:
    """What the U-Nets of a task have in common.

    Arguments:
        symmetry: translations with a total stride of 4.
        channels: of the input and the output.
        element: sizes of an element, ``(channels, H, W)``, multiples of 4.
        budget: parameters of every model, to within 5 %.
    """

    symmetry: ElementSymmetry
    channels: int
    element: tuple[int, ...]
    budget: int


class SetUNet(nn.Module):
    """Map ``(B, N, C, H, W)`` to the same shape: the input plus a correction."""

    def __init__(self, plan: UNetPlan, design: Design, scale: int) -> None:
        super().__init__()
        self.symmetry, channels = plan.symmetry, plan.channels
        self.in_type = self.out_type = plan.symmetry.feature_type(channels)
        unit = 2 if "aittala" in (design.first, design.rest) else 1
        fine, half, low = (
            f"{unit * ((scale + extra) // 3)}{step}"
            for extra, step in enumerate(("", " /2", " /4"))
        )
        both_fine, both_half = self._twice(fine), self._twice(half)
        make = partial(self._layer, design)
        self.enter = make(channels, fine, kernel_size=3, first=True)
        self.down = nn.ModuleList([make(fine, half, kernel_size=4), make(half, low, kernel_size=4)])
        bottom = ("max", "max") if design.head == "deep-sets" else ("none", "none")
        self.bottom = SetSequential(
            *[self._layer(design, low, low, kernel_size=1, use=use) for use in bottom]
        )
        self.up = nn.ModuleList([make(low, half, kernel_size=4), make(half, fine, kernel_size=4)])
        late = "mean" if design.head == "late" else None
        self.join = nn.ModuleList(
            [make(both_half, half, kernel_size=3), make(both_fine, fine, kernel_size=3, use=late)]
        )
        self.leave = DSS(plan.symmetry, fine, channels, aggregation="none", kernel_size=3)

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
        layer = DSS(self.symmetry, source, target, aggregation=aggregation, **options)
        kept: FeatureType = layer.out_type
        return SetSequential(
            layer, norm(self.symmetry, kept, "batch"), nonlinearity(self.symmetry, kept)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images of sets, ``(B, N, C, H, W)``; H and W multiples of 4."""
        fine = self.enter(x)
        half = self.down[0](fine)
        low = self.bottom(self.down[1](half))
        half = self.join[0](torch.cat([self.up[0](low), half], 2))
        fine = self.join[1](torch.cat([self.up[1](half), fine], 2))
        correction: Tensor = self.leave(fine)
        return x + correction


class _Plain(nn.Module):
    """DeepSets on flattened images: the symmetry of the elements is forgotten."""

    def __init__(self, plan: UNetPlan, design: Design, scale: int) -> None:
        super().__init__()
        self.symmetry = plan.symmetry
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
        correction: Tensor = self.body(x.flatten(2))
        return x + correction.view(x.shape)


def build_unet(plan: UNetPlan, name: str) -> nn.Module:
    """Return the U-Net of a design with as many parameters as the plan says."""
    design = DESIGNS[name]
    kind = SetUNet if design.symmetric else _Plain
    return fit_budget(lambda scale: kind(plan, design, scale), plan.budget, 3, name)


def unets_of(plan: UNetPlan) -> dict[str, Callable[[], nn.Module]]:
    """Return for each of the nine names how to build the model."""
    return {name: partial(build_unet, plan, name) for name in DESIGNS}
