"""Normalization of irreps to unit root mean square."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.constants import Constants
from eqsets.rows import PartLayout
from eqsets_spatial.features import IrrepsFeatures, membership

__all__ = ["RootMeanSquareNorm"]


class RootMeanSquareNorm(nn.Module):
    r"""Bring each kind of irrep of an element to unit size, then scale each copy.

    .. math:: y_c = \gamma_c \frac{x_c}{\sqrt{\langle x^2 \rangle + \epsilon}} + \beta_c

    The mean :math:`\langle x^2 \rangle` runs over the copies of a block and, in a cloud, over the
    points; only scalars (``0e``) have a shift. Each element by itself: set, batch and padding do
    not matter.
    """

    takes_parts = True

    def __init__(self, in_type: IrrepsFeatures, eps: float = 1e-5) -> None:
        super().__init__()
        self.in_type, self.eps = in_type, eps
        self.weight = nn.Parameter(torch.ones(in_type.copies))
        self.bias = nn.Parameter(torch.zeros(in_type.scalars)) if in_type.scalars else None
        self.constants = Constants(
            **{kind: membership(in_type.blocks, kind) for kind in ("blocks", "copies", "scalars")}
        )
        self._widths = [block.width for block in in_type.blocks]

    def forward(
        self, x: Tensor, present: Tensor | None = None, parts: PartLayout | None = None
    ) -> Tensor:
        """Normalise ``x: (E, *layout)``, or points of clouds; ``present`` is not needed."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        blocks, copies, scalars = self.constants.get_all(like=wide)
        square = wide.square()
        if self.in_type.points and parts is None:
            square = square.mean(1, keepdim=True)
        mean = (square @ blocks) / wide.new_tensor(self._widths)
        mean = mean if parts is None else parts.mean(mean)
        inverse = (mean + self.eps).rsqrt()
        inverse = inverse if parts is None else parts.spread(inverse)
        scale = (inverse @ blocks.mT) * (copies @ self.weight.to(wide.dtype))
        y: Tensor = wide * scale
        if self.bias is not None:
            y = y + scalars @ self.bias.to(wide.dtype)
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}"
