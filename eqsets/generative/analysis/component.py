r"""One component of eta, and how images change along it.

An image that is moved by ``a`` along a component, with the other components at 0, comes from the
view ``v``, its pose :math:`\hat g` and its coordinate :math:`\eta`:

.. math:: y(a) = \mathrm{act}(\mathrm{element}(\eta + a), \mathrm{act}(\hat g^{-1}, v)) .

Both steps interpolate, whatever ``a`` is: in one step images would be sharp where ``a`` inverts the
transformation that made the view. A component that changes pixels in place, such as a colour, takes
one step: where each of :math:`\eta + a` and :math:`\hat g^{-1}` might clip, their product need not.
Of :math:`\hat g^{-1}` only the components in place are applied then: positions say nothing of
colours, and content that is made smaller gets darker at its edges.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.families import Grid, Parameter
from eqsets.generative.analysis.poses import Poses
from eqsets.generative.canonicalization.inference import Inference

__all__ = ["Component", "components_of", "steps_of"]

_STEPS = 48
_ROUND = 120  # divisible by 2, 3, 4, 5, 6, 8 and 12: the orders of subgroups that are tried
_LOST = 0.01  # of the content: more is another image


def steps_of(parameter: Parameter) -> Tensor:
    """Return the grid of one component, relative to the coordinate of an image.

    The whole period of circles and discrete components. On lines two poses within the searched
    range differ by up to its length, so the grid has twice its length.
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
        inference: of the poses.
        index: of the component in the chart.
        in_place: for each component of the chart, whether it changes pixels in place, ``(k)``.

    Attributes:
        parameter: its name, unit and range.
        steps: the grid of ``a``, ``(A,)``.
        zero: index of 0 in the grid.
        in_place: whether it changes pixels in place.
    """

    def __init__(self, inference: Inference, index: int, in_place: Tensor) -> None:
        self.family, self.chart, self.index = inference.family, inference.chart, index
        self.parameter = inference.chart.parameters[index]
        self.steps = steps_of(self.parameter)
        self.zero = int(self.steps.abs().argmin())
        self._colours = in_place
        self.in_place = bool(in_place[index])

    def moved(self, poses: Poses, steps: Tensor) -> Tensor:
        """Return images ``(n, A, C, H, W)`` moved by ``steps: (A,)``."""
        g = self.chart.along(poses.eta, self.index, steps.to(poses.eta.device))
        if self.in_place:
            back = self.chart.coordinates(poses.back) * self._colours.to(poses.back)
            whole = self.family.group.compose(g, self.chart.element(back)[:, None].to(g.dtype))
            return self.family.act(whole.to(poses.views.dtype), poses.views[:, None])
        return self.family.act(g.to(poses.views.dtype), poses.prototypes[:, None])

    def upright(self, poses: Poses) -> Tensor:
        """Return images ``(n, C, H, W)`` in the colours of the views, else as prototypes."""
        other = self.chart.coordinates(poses.back) * ~self._colours.to(poses.back.device)
        g = self.chart.element(other).to(poses.views.dtype)
        return self.family.act(g, poses.views)

    def recoverable(self, moved: Tensor, unmoved: Tensor, steps: Tensor) -> Tensor:
        """Return which moves lose nothing of an image, ``(n, A)``: clipped colours are lost.

        Args:
            moved: images moved by ``steps: (A,)``, ``(n, A, C, H, W)``.
            unmoved: the images themselves, ``(n, C, H, W)``.
            steps: the moves.
        """
        g = self._element(-steps.to(unmoved.device)).to(unmoved.dtype)
        lost = (self.family.act(g, moved) - unmoved[:, None]).abs().amax(-3).sum((-2, -1))
        return lost <= _LOST * self._content(unmoved)[:, None].sum(-1)

    def reach(self, images: Tensor) -> float:
        """Return what moves the edge of the content, twice its mean radius, by a pixel."""
        domain, role = self.family.domain, self.parameter.role
        moves = self.parameter.levels is None and role in ("shift", "rotation", "scale", "shear")
        if not moves or not isinstance(domain, Grid):
            return 0.0
        size = domain.size_of(images)
        step = 2.0 / max(max(size) - 1, 1)
        if role == "shift":
            return step
        light = self._content(images)
        light = light / light.sum(-1, keepdim=True).clamp_min(1e-6)
        positions = domain.positions(size, like=images)
        offsets = positions - (light @ positions)[:, None]
        radius = (light * offsets.square().sum(-1)).sum(-1).sqrt().median()
        return float(step / (2 * radius).clamp(0.1, 1.0))

    def changes_in_place(self, like: Tensor) -> bool:
        """Return whether the component commutes with a permutation of the pixels of noise."""
        generator = torch.Generator().manual_seed(0)
        x = 2 * torch.rand(1, *like.shape[1:], generator=generator).to(like) - 1
        order = torch.randperm(x[0, 0].numel(), generator=generator).to(x.device)
        steps = self.steps[[len(self.steps) // 4, -(len(self.steps) // 3) or -1]]
        g = self._element(steps.to(x.device)).to(x.dtype)

        def permuted(y: Tensor) -> Tensor:
            return y.flatten(-2)[..., order].reshape(y.shape)

        change = self.family.act(g, permuted(x)[:, None]) - permuted(self.family.act(g, x[:, None]))
        return bool(change.abs().max() < 1e-3)

    def _content(self, x: Tensor) -> Tensor:
        """Return the content at each position, ``(n, P)``."""
        return self.family.domain.content(x).flatten(1)

    def _element(self, along: Tensor) -> Tensor:
        """Return elements with ``along: (*batch)`` in this component, and 0 in the others."""
        z = along.new_zeros(*along.shape, len(self.chart.parameters))
        z[..., self.index] = along
        return self.chart.element(z)


def components_of(inference: Inference, like: Tensor) -> list[Component]:
    """Return all components of the chart.

    Args:
        inference: of the poses.
        like: images ``(n, C, H, W)`` of the size, dtype and device that they are for.
    """
    count = len(inference.chart.parameters)
    unknown = torch.zeros(count, dtype=torch.bool)
    single = [Component(inference, index, unknown) for index in range(count)]
    separate = inference.family.domain.separate_values
    in_place = torch.tensor([separate and one.changes_in_place(like) for one in single])
    return [Component(inference, index, in_place) for index in range(count)]
