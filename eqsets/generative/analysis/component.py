r"""One component of eta, and how it moves pictures.

A picture moved by ``a`` along a component, all others left out, is made of the view ``v``, its pose
:math:`\hat g`, and its coordinate :math:`\eta`:

.. math:: y(a) = \mathrm{act}(\mathrm{element}(\eta + a), \mathrm{act}(\hat g^{-1}, v)) .

Both steps interpolate, whatever ``a`` is: in one step pictures would be sharp where ``a`` undoes
what made the view. But what changes pixels where they are, as colours are changed, is one step:
there :math:`\eta + a` and what :math:`\hat g^{-1}` takes off add up, and where each might clip,
their sum need not. And of :math:`\hat g^{-1}` only what changes colours is applied: places say
nothing about them, and what is made smaller gets darker at its edges.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.families import Grid, Parameter
from eqsets.generative.analysis.poses import Poses
from eqsets.generative.canonicalization.inference import Inference

__all__ = ["Component", "steps_of"]

_STEPS = 48
_ROUND = 96
_LOST = 0.01  # of the light: more is not the same picture


def steps_of(parameter: Parameter) -> Tensor:
    """Return the grid of one component, relative to where an image is.

    Once around for circles and discrete components. On lines two poses within the searched range
    differ by up to its length, so the grid has twice its length.
    """
    if parameter.levels is not None:
        return torch.arange(parameter.levels, dtype=torch.float32)
    if parameter.period is not None:
        return (torch.arange(_ROUND) - _ROUND // 2) * (parameter.period / _ROUND)
    reach = parameter.high - parameter.low
    return (torch.arange(_STEPS + 1) - _STEPS // 2) * (2 * reach / _STEPS)


class Component:
    """A component of the chart of an inference.

    Arguments:
        inference: what found the poses.
        place: of the component in the chart.
        like: images ``(n, C, H, W)`` of the size, number type and device that it is about.

    Attributes:
        parameter: its name, unit and range.
        steps: the grid of ``a``, ``(A,)``.
        zero: which of the steps is 0.
        in_place: whether it changes pixels where they are.
    """

    def __init__(self, inference: Inference, place: int, like: Tensor) -> None:
        self.family, self.chart, self.place = inference.family, inference.chart, place
        self.parameter = inference.chart.parameters[place]
        self.steps = steps_of(self.parameter)
        self.zero = int(self.steps.abs().argmin())
        places = range(len(self.chart.parameters))
        self._colours = torch.tensor([self._in_place(one, like) for one in places])
        self.in_place = bool(self._colours[place])

    def moved(self, poses: Poses, steps: Tensor) -> Tensor:
        """Return pictures ``(n, A, C, H, W)`` moved by ``steps: (A,)``."""
        g = self._element(poses.eta[:, self.place, None] + steps.to(poses.eta.device))
        if self.in_place:
            back = self.chart.coordinates(poses.back) * self._colours.to(poses.back)
            whole = self.family.group.compose(g, self.chart.element(back)[:, None].to(g.dtype))
            return self.family.act(whole.to(poses.views.dtype), poses.views[:, None])
        return self.family.act(g.to(poses.views.dtype), poses.prototypes(self.family)[:, None])

    def upright(self, poses: Poses) -> Tensor:
        """Return pictures ``(n, C, H, W)`` in the colours of the views, and else as prototypes."""
        still = self.chart.coordinates(poses.back) * ~self._colours.to(poses.back.device)
        g = self.chart.element(still).to(poses.views.dtype)
        return self.family.act(g, poses.views)

    def comes_back(self, moved: Tensor, still: Tensor, steps: Tensor) -> Tensor:
        """Return which moves lose nothing of a picture, ``(n, A)``: clipped colours are lost.

        Args:
            moved: pictures moved by ``steps: (A,)``, ``(n, A, C, H, W)``.
            still: the pictures, not moved, ``(n, C, H, W)``.
            steps: the moves.
        """
        g = self._element(-steps.to(still.device)).to(still.dtype)
        lost = (self.family.act(g, moved) - still[:, None]).abs().amax(-3).sum((-2, -1))
        return lost <= _LOST * self._content(still)[:, None].sum(-1)

    def reach(self, pictures: Tensor) -> float:
        """Return what moves the edge of the content, twice its mean radius, by a pixel."""
        domain, role = self.family.domain, self.parameter.role
        moves = self.parameter.levels is None and role in ("shift", "rotation", "scale", "shear")
        if not moves or not isinstance(domain, Grid):
            return 0.0
        size = domain.size_of(pictures)
        step = 2.0 / max(max(size) - 1, 1)
        if role == "shift":
            return step
        light = self._content(pictures)
        light = light / light.sum(-1, keepdim=True).clamp_min(1e-6)
        positions = domain.positions(size, like=pictures)
        offsets = positions - (light @ positions)[:, None]
        radius = (light * offsets.square().sum(-1)).sum(-1).sqrt().median()
        return float(step / (2 * radius).clamp(0.1, 1.0))

    def _content(self, x: Tensor) -> Tensor:
        """Return how much there is at each position, ``(n, P)``."""
        return self.family.domain.content(x).flatten(1)

    def _in_place(self, place: int, like: Tensor) -> bool:
        """Return whether it makes no difference that pixels of noise change places before."""
        steps = steps_of(self.chart.parameters[place])
        generator = torch.Generator().manual_seed(0)
        x = 2 * torch.rand(1, *like.shape[1:], generator=generator).to(like) - 1
        order = torch.randperm(x[0, 0].numel(), generator=generator).to(x.device)
        chosen = steps[[len(steps) // 4, -(len(steps) // 3) or -1]]
        g = self._element(chosen.to(x.device), place)
        g = g.to(x.dtype)

        def mixed(y: Tensor) -> Tensor:
            return y.flatten(-2)[..., order].reshape(y.shape)

        change = self.family.act(g, mixed(x)[:, None]) - mixed(self.family.act(g, x[:, None]))
        return bool(change.abs().max() < 1e-3)

    def _element(self, along: Tensor, place: int | None = None) -> Tensor:
        """Return elements with ``along: (*batch)`` in one component, this one, and 0 elsewhere."""
        z = along.new_zeros(*along.shape, len(self.chart.parameters))
        z[..., self.place if place is None else place] = along
        return self.chart.element(z)
