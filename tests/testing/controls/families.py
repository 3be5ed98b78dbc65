"""Broken families of transformations: each fails the one law that it is named for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import TransformationFamily, transformation
from eqsets.families import Frame, Parameter, Pose
from eqsets.groups import Group


@dataclass(frozen=True)
class Wrapped(TransformationFamily):
    """A good family, for others to break."""

    name: str = "similarity"

    @property
    def good(self) -> TransformationFamily:
        return transformation(self.name)

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return self.good.parameters_of_eta

    @property
    def group(self) -> Group:
        return self.good.group

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        return self.good.tolerance

    @property
    def channels(self) -> int | None:  # type: ignore[override]
        return self.good.channels

    def element(self, eta: Tensor) -> Tensor:
        return self.good.element(eta)

    def parameters(self, g: Tensor) -> Tensor:
        return self.good.parameters(g)

    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = -1.0) -> Tensor:
        return self.good.act(g, x, order=order, fill=fill)

    def validity(self, g: Tensor, x_or_size: Tensor | tuple[int, int]) -> Tensor:
        return self.good.validity(g, x_or_size)

    def exact(self, size, *batch, generator=None) -> Tensor | None:
        return self.good.exact(size, *batch, generator=generator)


class Blurs(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        y = super().act(g, x, order=order, fill=fill)
        return y + 1e-3 * (y.roll(1, -1) - y)


class FromTheRight(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        return super().act(self.group.inverse(g), x, order=order, fill=fill)

    def validity(self, g, x_or_size) -> Tensor:
        return super().validity(self.group.inverse(g), x_or_size)


class Boasts(Wrapped):
    tolerance = 1e-9


class HalfPeriod(Wrapped):
    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return (Parameter("rotation", "radians", -1.5, 1.5, period=3.0),)


class OtherSense(Wrapped):
    def parameters(self, g: Tensor) -> Tensor:
        return -super().parameters(g)


class RootAtZero(Wrapped):
    def element(self, eta: Tensor) -> Tensor:
        return super().element(eta + 0 * eta.square().sum(-1, keepdim=True).sqrt())


class FirstOfBatch(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        first = g[(0,) * (g.dim() - 2)].expand_as(g)
        return super().act(first, x, order=order, fill=fill)


class OnlyWidens(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        return super().act(g, x, order=order, fill=fill).double()


class AlwaysValid(Wrapped):
    def validity(self, g, x_or_size) -> Tensor:
        return torch.ones_like(super().validity(g, x_or_size))


class GlobalSampler(Wrapped):
    def sample(self, *batch, generator=None, bounds=None, dtype=None) -> Tensor:
        return super().sample(*batch, bounds=bounds, dtype=dtype)


class ComparedByIdentity(Wrapped):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class ActsTrivially(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        return super().act(torch.where(g == g, self.group.identity().to(g), g), x, order=order)

    def validity(self, g, x_or_size) -> Tensor:
        return torch.ones_like(super().validity(g, x_or_size))


class AnyOrder(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        return super().act(g, x, order={2: 3}.get(order, order), fill=fill)


class BreaksGraph(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        torch._dynamo.graph_break()
        return super().act(g, x, order=order, fill=fill)


class HalfPrecision(Wrapped):
    def element(self, eta: Tensor) -> Tensor:
        return super().element(eta @ torch.eye(eta.shape[-1], dtype=eta.dtype, device=eta.device))


class _Copy(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        pass

    @staticmethod
    def backward(ctx, above: Tensor) -> Tensor:
        return above


class NoRule(Wrapped):
    def act(self, g, x, *, order=1, fill=-1.0) -> Tensor:
        return _Copy.apply(super().act(g, x, order=order, fill=fill))


class Backwards(Wrapped):
    def frame(self, *, background=None, learned=False) -> Frame:
        return InverseFrame(self.good)


class InverseFrame(Frame):
    def __init__(self, family: TransformationFamily) -> None:
        super().__init__()
        self.family, self.good = family, family.frame()

    def forward(self, x: Tensor) -> Pose:
        pose = self.good(x)
        return Pose(self.family.group.inverse(pose.g), pose.confidence)


CONTROLS = {
    "EQT01-identity": Blurs(),
    "EQT02-exact-action": FromTheRight(),
    "EQT03-action": Boasts(),
    "EQT04-circles": HalfPeriod("rotation"),
    "EQT05-round-trip": OtherSense(),
    "EQT06-derivatives": RootAtZero(),
    "EQT07-batches": FirstOfBatch(),
    "EQT08-number-type": OnlyWidens(),
    "EQT09-validity": AlwaysValid(),
    "EQT10-sampler": GlobalSampler(),
    "EQT11-value": ComparedByIdentity(),
    "EQT12-acts": ActsTrivially("translation"),
    "EQT13-refuses": AnyOrder(),
    "EQT14-compiles-whole": BreaksGraph(),
    "EQT15-autocast": HalfPrecision(),
    "EQT16-vectorises": NoRule(),
    "EQT17-chart": Wrapped("affine-no-shear"),
    "EQT18-frame": Backwards(),
}
