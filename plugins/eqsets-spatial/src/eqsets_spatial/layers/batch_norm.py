"""Batch normalization of irreps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.constants import Constants
from eqsets_spatial.features import IrrepsFeatures, membership

__all__ = ["IrrepsBatchNorm"]


class IrrepsBatchNorm(nn.Module):
    r"""Normalise each copy of each irrep over a batch, with the semantics of ``e3nn.nn.BatchNorm``.

    .. math:: y_c = \gamma_c \frac{x_c - \mu_c}{\sqrt{\langle (x_c - \mu_c)^2 \rangle + \epsilon}}
              + \beta_c

    The means :math:`\langle \cdot \rangle` run over all present elements, their points and the
    components of a copy; only scalars (``0e``) have a mean :math:`\mu` and a shift :math:`\beta`.
    Running statistics are used in ``eval()``. Padding does not count.

    References:
        e3nn: Euclidean Neural Networks, Geiger, Smidt, 2022, https://arxiv.org/abs/2207.09453.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, in_type: IrrepsFeatures, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.in_type, self.eps, self.momentum = in_type, eps, momentum
        self.weight = nn.Parameter(torch.ones(in_type.copies))
        self.bias = nn.Parameter(torch.zeros(in_type.scalars)) if in_type.scalars else None
        self.register_buffer("running_mean", torch.zeros(in_type.scalars))
        self.register_buffer("running_var", torch.ones(in_type.copies))
        self.constants = Constants(
            copies=membership(in_type.blocks, "copies"),
            scalars=membership(in_type.blocks, "scalars"),
        )

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, *layout)`` over the rows where ``present: (E,)`` is True."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        copies, scalars = self.constants.get_all(like=wide)
        flat = wide.reshape(-1, wide.shape[-1])
        weight = flat.new_ones(flat.shape[0], 1)
        if present is not None:
            points = flat.shape[0] // present.shape[0]
            weight = present.to(flat.dtype).repeat_interleave(points, output_size=flat.shape[0])
            weight = weight[:, None]
        if self.training:
            count = weight.sum()
            mean = (flat * weight).sum(0) @ scalars / count
            centred = flat - scalars @ mean
            square = (centred.square() * weight).sum(0) @ copies / (count * copies.sum(0))
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
                self.running_var.lerp_(square.to(self.running_var), self.momentum)
        else:
            centred = flat - scalars @ self.running_mean.to(flat.dtype)
            square = self.running_var.to(flat.dtype)
        scale = (square + self.eps).rsqrt() * self.weight.to(flat.dtype)
        y: Tensor = centred * (copies @ scale)
        if self.bias is not None:
            y = y + scalars @ self.bias.to(flat.dtype)
        return y.reshape(wide.shape).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}"
