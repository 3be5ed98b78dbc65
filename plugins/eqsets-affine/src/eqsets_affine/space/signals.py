"""Signals: shifts and scales of time, circular shifts, and affine maps of the values."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor
from torch.nn import functional as F

from eqsets import TransformationFamily
from eqsets.families import (
    AdditiveGroup,
    Frame,
    Parameter,
    Pose,
    Signals,
    at_least_float32,
    without_autocast,
)
from eqsets_affine.space.chart import SpaceChart
from eqsets_affine.space.family import SpaceFamily
from eqsets_affine.space.grids import interpolate, sources

__all__ = ["Amplitude", "CircularTime", "Time"]


@dataclass(frozen=True)
class Time(SpaceFamily):
    r"""Shifts and scales of time, :math:`t \mapsto e^s t + b`; the ends of a signal are continued.

    A positive shift makes a signal later, a positive scale makes it slower. What comes in at an end
    has the value of the last sample there, so that offsets and gains commute with it.

    Example:
        >>> family = Time()
        >>> later = family.element(torch.tensor([1.0, 0.0]))  # by half the length
        >>> family.act(later, torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))
        tensor([[1., 1., 1., 2., 3.]])
    """

    dims = 1
    tolerance = 0.02
    keys = ("shift", "scale")
    domain = Signals()

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (
            Parameter("time_shift", "half frames", -0.4, 0.4, role="shift"),
            Parameter("time_scale", "log factor", -0.4, 0.4, role="scale"),
        )

    def chart(self) -> SpaceChart:
        """Return coordinates along which signals are moved as they are, scale included."""
        return SpaceChart(self.parameters_of_eta, self.keys, 1, raw=True)

    @without_autocast
    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        self.check(x, order)
        batch = self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)
        at = sources(g.to(x.device, wide), self.domain.size_of(x))
        at = at.expand(*batch, *at.shape[-2:]).reshape(-1, *at.shape[-2:])
        flat = x.to(wide).expand(*batch, *x.shape[-2:]).reshape(-1, *x.shape[-2:])
        return interpolate(flat, at, order).reshape(*batch, *x.shape[-2:]).to(x.dtype)

    def points(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the squared energy of slopes, and their times: offsets do not change them."""
        slope, _ = _slopes(x)
        times = torch.arange(slope.shape[-1], dtype=x.dtype, device=x.device)
        times = (times + 0.5) / max((x.shape[-1] - 1) / 2, 0.5) - 1
        energy = slope.square().sum(-2).square()
        return energy, times[:, None].expand(len(x), -1, 1)


@dataclass(frozen=True)
class CircularTime(TransformationFamily):
    """Circular shifts of signals that repeat, by any part of the period.

    Example:
        >>> family = CircularTime()
        >>> family.act(torch.tensor([0.25]), torch.tensor([[1.0, 0.0, 0.0, 0.0]])).round()
        tensor([[-0., 1., 0., 0.]])
    """

    tolerance = 1e-6
    domain = Signals()

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (Parameter("circular_shift", "periods", -0.5, 0.5, period=1.0),)

    @property
    def group(self) -> AdditiveGroup:
        return AdditiveGroup((1.0,))

    def element(self, eta: Tensor) -> Tensor:
        return at_least_float32(self.wrap(eta))

    def parameters(self, g: Tensor) -> Tensor:
        return self.wrap(g)

    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        self.check(x, order)
        self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)  # no FFT in half precision
        waves = torch.fft.rfft(x.to(wide))
        steps = torch.arange(waves.shape[-1], device=x.device)
        turns = g.to(x.device, wide) * steps
        phase = torch.polar(torch.ones_like(turns), -2 * pi * turns)[..., None, :]
        moved: Tensor = torch.fft.irfft(waves * phase, n=x.shape[-1])
        return moved.to(x.dtype)

    def frame(self, *, background: float | None = None, learned: bool = False) -> Frame:
        return _CircularFrame()


class _CircularFrame(Frame):
    """The circular mean of the times of slopes."""

    @torch.no_grad()
    def forward(self, x: Tensor) -> Pose:
        x = at_least_float32(x)
        slope = x.roll(-1, -1) - x
        energy = slope.square().sum(-2).square()
        first = torch.fft.rfft(energy)[..., 1]
        confidence = first.abs() / energy.sum(-1).clamp_min(1e-24)
        safe = torch.where(confidence > 0, first, torch.ones_like(first))
        return Pose(-safe.angle()[..., None] / (2 * pi), confidence.clamp(max=1))


@dataclass(frozen=True)
class Amplitude(SpaceFamily):
    r"""Affine maps of the values of signals, :math:`v \mapsto \pm e^a v + b`.

    Parameters are the offset ``b``, in units of the data, the gain ``a`` and the polarity, which
    acts first.

    Example:
        >>> family = Amplitude()
        >>> g = family.element(torch.tensor([1.0, 0.0, 1.0]))
        >>> family.act(g, torch.tensor([[0.0, 2.0]]))
        tensor([[ 1., -1.]])
    """

    dims = 1
    keys = ("shift", "scale", "mirror")
    domain = Signals()

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (
            Parameter("offset", "units", -2.0, 2.0, role="value"),
            Parameter("gain", "log factor", -0.7, 0.7, role="value"),
            Parameter.discrete("polarity", "signs", 2),
        )

    def chart(self) -> SpaceChart:
        """Return coordinates along which values are moved as they are, offset and gain included."""
        return SpaceChart(self.parameters_of_eta, self.keys, 1, raw=True)

    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        self.check(x, order)
        self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)
        g = g.to(x.device, wide)
        return (g[..., :1, :1] * x.to(wide) + g[..., :1, 1:]).to(x.dtype)

    def points(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the squared energy of slopes, and the values between: times do not change them."""
        slope, middle = _slopes(x)
        return slope.square().square().flatten(1), middle.flatten(1)[..., None]


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the differences of smoothed signals ``(B, C, T - 1)``, and the values between."""
    kernel = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    flat = x.reshape(-1, 1, x.shape[-1])
    for _ in range(max(1, x.shape[-1] // 64)):
        flat = F.conv1d(F.pad(flat, (2, 2), mode="replicate"), kernel[None, None])
    smooth = flat.reshape(x.shape)
    return smooth.diff(dim=-1), (smooth[..., 1:] + smooth[..., :-1]) / 2
