"""What stands between the linear maps: norms, gates, dropout and pooling over points."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.errors import choices
from eqsets.rows import pointwise_activation
from eqsets_spatial.constants import Constants
from eqsets_spatial.features import IrrepsFeatures, membership
from eqsets_spatial.invariants import SpatialInvariant

__all__ = ["CopyDropout", "Gate", "PointPool", "RootMeanSquareNorm"]


class RootMeanSquareNorm(nn.Module):
    r"""Bring each kind of irrep of an element to unit size, then scale each copy.

    .. math:: y_c = \gamma_c \frac{x_c}{\sqrt{\langle x^2 \rangle + \epsilon}} + \beta_c

    The mean :math:`\langle x^2 \rangle` runs over the copies of a block and, in a cloud, over the
    points; only scalars (``0e``) have a shift. Each element by itself: set, batch and padding do
    not matter.
    """

    def __init__(self, in_type: IrrepsFeatures, eps: float = 1e-5) -> None:
        super().__init__()
        self.in_type, self.eps = in_type, eps
        self.weight = nn.Parameter(torch.ones(in_type.copies))
        self.bias = nn.Parameter(torch.zeros(in_type.scalars)) if in_type.scalars else None
        self.maps = Constants(
            membership(in_type.blocks, k) for k in ("blocks", "copies", "scalars")
        )
        self._widths = [block.width for block in in_type.blocks]

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, *layout)``; ``present`` is not needed, rows do not meet."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        blocks, copies, scalars = (matrix.to(wide.dtype) for matrix in self.maps())
        square = wide.square().mean(1, keepdim=True) if self.in_type.points else wide.square()
        mean = (square @ blocks) / wide.new_tensor(self._widths)
        scale = ((mean + self.eps).rsqrt() @ blocks.mT) * (copies @ self.weight.to(wide.dtype))
        y: Tensor = wide * scale
        if self.bias is not None:
            y = y + scalars @ self.bias.to(wide.dtype)
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}"


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
        self.invariant = SpatialInvariant(in_type, pooled=False)
        self.gate = nn.Linear(self.invariant.features, in_type.copies - in_type.scalars)
        self.maps = Constants(membership(in_type.blocks, kind) for kind in ("scalars", "others"))

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x: (E, *layout)``."""
        scalars, others = self.maps()
        gates = torch.sigmoid(self.gate(self.invariant(x)))
        gated = x * (gates @ others.to(gates.dtype).mT).to(x.dtype)
        y: Tensor = torch.where(scalars.sum(1) > 0, self.activation(x), gated)
        return y

    def extra_repr(self) -> str:
        return f"{self.in_type}"


class CopyDropout(nn.Module):
    """Drop whole copies of irreps of an element, on all its points at once, while training.

    Raises:
        FeatureTypeError: ``p`` is no probability below 1.
    """

    def __init__(self, in_type: IrrepsFeatures, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise FeatureTypeError(
                f"dropout got p={p!r}, expected a probability in [0, 1). Write for example 0.1."
            )
        self.in_type, self.p = in_type, p
        self.maps = Constants([membership(in_type.blocks, "copies")])

    def forward(self, x: Tensor) -> Tensor:
        """Drop copies of ``x: (E, *layout)`` while training."""
        if not self.training or self.p == 0:
            return x
        keep = torch.ones(x.shape[0], self.in_type.copies, dtype=x.dtype, device=x.device)
        keep = torch.nn.functional.dropout(keep, self.p)
        mask: Tensor = keep @ self.maps()[0].to(x.dtype).mT
        return x * (mask[:, None] if self.in_type.points else mask)

    def extra_repr(self) -> str:
        return f"{self.in_type}, p={self.p}"


class PointPool(nn.Module):
    r"""Reduce a cloud to one steerable vector: a dipole, a force on the whole, a fingerprint.

    .. math:: y = \sum_a x_a \quad\text{or}\quad \frac1P \sum_a x_a

    Raises:
        FeatureTypeError: the type is not on points, or the way to reduce is unknown.
    """

    def __init__(self, in_type: IrrepsFeatures, reduce: str = "mean") -> None:
        super().__init__()
        if reduce not in ("mean", "sum"):
            raise FeatureTypeError(
                f"pooling over points got reduce={reduce!r}: {choices(reduce, ('mean', 'sum'))}"
            )
        self.in_type, self.reduce = in_type, reduce
        self.out_type = IrrepsFeatures(in_type.blocks, in_type.group)

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """Map ``x: (E, P, dim)`` to ``(E, dim)``; positions do not matter."""
        return x.sum(1) if self.reduce == "sum" else x.mean(1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, reduce={self.reduce!r}"
