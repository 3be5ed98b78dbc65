"""Gated nonlinearities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.constants import Constants
from eqsets.rows import pointwise_activation
from eqsets_spatial.features import IrrepsFeatures, membership
from eqsets_spatial.layers.readout import SpatialInvariant

__all__ = ["Gate"]


class Gate(nn.Module):
    r"""Activate the scalars, and scale every other irrep by a gate that only sees invariants.

    .. math:: y^{0e} = \sigma(x^{0e}), \qquad y_c = x_c \, \operatorname{sigmoid}(A u(x) + a)_c

    with :math:`u` the scalars and the lengths of the others; in a cloud, point by point.

    References:
        Tensor field networks, Thomas et al., 2018, https://arxiv.org/abs/1802.08219, section 4.1.
    """

    def __init__(self, in_type: IrrepsFeatures, name: str) -> None:
        super().__init__()
        self.in_type = in_type
        self.activation = pointwise_activation(name)
        self.invariant = SpatialInvariant(in_type, kind="points")
        self.gate = nn.Linear(self.invariant.features, in_type.copies - in_type.scalars)
        self.constants = Constants(
            **{kind: membership(in_type.blocks, kind) for kind in ("scalars", "others")}
        )

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x: (E, *layout)``."""
        scalars = self.constants.get("scalars", x)
        gates = torch.sigmoid(self.gate(self.invariant(x)))
        gated = x * (gates @ self.constants.get("others", gates).mT).to(x.dtype)
        y: Tensor = torch.where(scalars.sum(1) > 0, self.activation(x), gated)
        return y

    def extra_repr(self) -> str:
        return f"{self.in_type}"
