r"""From the numbers of a network to coordinates: lines by tanh, circles by a vector.

A line of half-range :math:`b` around its middle :math:`o` gets :math:`o + b \tanh u`. A circle gets
the angle of the vector :math:`(1 + u_1, u_2)`, so there is no seam, and zeros mean 0. Discrete
parameters get none: a frame finds them by trying all.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn

from eqsets.families import Chart, at_least_float32

__all__ = ["CoordinateHead"]


class CoordinateHead(nn.Module):
    """Coordinates ``(B, k)`` from :attr:`inputs` numbers.

    Arguments:
        chart: whose coordinates.
        reach: multiple of the half-range of each line that can be reached.
        centred: whether the middle of each line is 0 instead of that of its range.
    """

    def __init__(self, chart: Chart, *, reach: float = 1.0, centred: bool = False) -> None:
        super().__init__()
        self.parameters_of_eta = chart.parameters
        self.reach, self.centred = reach, centred

    @property
    def inputs(self) -> int:
        """How many numbers are needed."""
        return sum(2 if one.period else 1 for one in self.parameters_of_eta if not one.levels)

    def forward(self, numbers: Tensor) -> Tensor:
        """Map ``(B, inputs)`` to ``(B, k)``, in float32 at least."""
        numbers = at_least_float32(numbers)
        columns, used = [], 0
        for one in self.parameters_of_eta:
            if one.levels:
                columns.append(torch.zeros_like(numbers[:, 0]))
            elif one.period:
                x, y = 1 + numbers[:, used], numbers[:, used + 1]
                undefined = (x.square() + y.square()) < 1e-12
                y, x = torch.where(undefined, 0.0, y), torch.where(undefined, 1.0, x)
                angle = torch.atan2(y, x)
                columns.append(angle * (one.period / (2 * pi)))
                used += 2
            else:
                middle = 0.0 if self.centred else (one.low + one.high) / 2
                half = self.reach * (one.high - one.low) / 2
                columns.append(middle + half * numbers[:, used].tanh())
                used += 1
        return torch.stack(columns, -1)
