"""The frame of families with finitely many transformations: try them all."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization import moments
from eqsets.generative.canonicalization.pose import Frame, Pose

__all__ = ["DiscreteFrame"]


class DiscreteFrame(Frame):
    r"""The transformation under which an image matches a fixed ramp best.

    .. math:: g(x) = \arg\max_g \; \langle t, \, I(\mathrm{act}(g^{-1}, x)) \rangle, \qquad
              t(x, y) = x + \tfrac12 y + \tfrac14 x y

    No element of :math:`D_4` but the identity keeps the ramp ``t``. Exact: the canonical image is
    the same for the whole orbit, to the last bit, unless two transformations match equally well:
    then ``clarity``, the relative lead of the best over the next, is 0.

    Arguments:
        family: a family all of whose parameters are discrete.
    """

    def __init__(self, family: TransformationFamily) -> None:
        super().__init__()
        self.family = family
        levels = [range(one.levels or 1) for one in family.parameters_of_eta]
        self.register_buffer("etas", torch.tensor(list(product(*levels)), dtype=torch.float32))

    etas: Tensor

    def forward(self, x: Tensor) -> Pose:
        elements = self.family.element(self.etas)
        back = self.family.group.inverse(elements)
        with torch.no_grad():
            tried = self.family.act(back[:, None], x[None])
            light = moments.intensity(tried)
            x_axis, y_axis = moments.grid(*x.shape[-2:], like=x).unbind(-1)
            scores = light @ (x_axis + y_axis / 2 + x_axis * y_axis / 4)
            best = scores.topk(min(2, len(scores)), 0)
        lead = best.values[0] - best.values[-1]
        return Pose(
            elements[best.indices[0]], (lead / light[0].sum(-1).clamp_min(1e-6)).clamp(0, 1)
        )
