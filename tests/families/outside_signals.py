"""A family of an outsider, in one file: shifts in time and gains of signals, public names only."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from eqsets import TransformationFamily
from eqsets.families import AdditiveGroup, Frame, Parameter, Pose, Signals


@dataclass(frozen=True)
class ShiftAndGain(TransformationFamily):
    """Signals that repeat are shifted by a part of their period, and multiplied."""

    domain = Signals()  # type: ignore[assignment]
    tolerance = 1e-6

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (
            Parameter("delay", "periods", -0.5, 0.5, period=1.0),
            Parameter("gain", "log factor", -0.7, 0.7, role="value"),
        )

    @property
    def group(self) -> AdditiveGroup:
        return AdditiveGroup(self.periodic)

    def element(self, eta: Tensor) -> Tensor:
        return self.wrap(eta)

    def parameters(self, g: Tensor) -> Tensor:
        return self.wrap(g)

    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        self.check(x, order)
        self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)
        delay, gain = g.to(x.device, wide)[..., None].unbind(-2)
        waves = torch.fft.rfft(x.to(wide))
        turns = delay * torch.arange(waves.shape[-1], device=x.device)
        phase = torch.polar(torch.ones_like(turns), -2 * pi * turns)[..., None, :]
        moved = torch.fft.irfft(waves * phase, n=x.shape[-1])
        return (gain.exp()[..., None] * moved).to(x.dtype)

    def frame(self, *, background: float | None = None, learned: bool = False) -> Frame:
        return FirstWave()


class FirstWave(Frame):
    """The phase of the first harmonic, and the logarithm of the energy."""

    def forward(self, x: Tensor) -> Pose:
        first, size = torch.fft.rfft(x.sum(-2))[..., 1], x.square().mean((-2, -1))
        clear = first.abs() / (size.sqrt() * x.shape[-1]).clamp_min(1e-12)
        safe = torch.where(clear > 0, first, torch.ones_like(first))
        eta = torch.stack([-safe.angle() / (2 * pi), size.clamp_min(1e-24).log() / 2], -1)
        return Pose(ShiftAndGain().element(eta), clear.clamp(max=1))
