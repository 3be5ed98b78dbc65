"""What no shift can change: the mean over the grid, and constant maps."""

from __future__ import annotations

from torch import Tensor, nn

from eqsets_translations.features import GridFeatures

__all__ = ["GridEmbedding", "GridMaximum", "GridMean"]


class GridMean(nn.Module):
    r"""Read the mean of each channel over the grid, :math:`u_c = \frac{1}{|P|} \sum_p x_{c p}`.

    All linear invariants of a shift are multiples of it.
    """

    def __init__(self, in_type: GridFeatures) -> None:
        super().__init__()
        self.in_type, self.features = in_type, in_type.count
        self._axes = tuple(range(-in_type.dims, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, *grid)`` to ``(E, C)``."""
        return x.mean(self._axes)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class GridMaximum(nn.Module):
    r"""Read the maximum of each channel over the grid, :math:`u_c = \max_p x_{c p}`."""

    linear = False

    def __init__(self, in_type: GridFeatures) -> None:
        super().__init__()
        self.in_type, self.features = in_type, in_type.count
        self._axes = tuple(range(-in_type.dims, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C, *grid)`` to ``(E, C)``."""
        return x.amax(self._axes)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class GridEmbedding(nn.Module):
    r"""Write invariants onto the grid, :math:`y_{c p} = \sum_n A_{c n} u_n` at every point."""

    def __init__(self, features: int, out_type: GridFeatures) -> None:
        super().__init__()
        self.out_type = out_type
        self.linear = nn.Linear(features, out_type.count, bias=False)

    def forward(self, invariants: Tensor, *, like: Tensor) -> Tensor:
        """Map ``(E, features)`` to ``(E, C, 1, ...)``, which broadcasts against ``like``."""
        y: Tensor = self.linear(invariants)
        return y.reshape(*y.shape, *[1] * self.out_type.dims)

    def extra_repr(self) -> str:
        return f"{self.linear.in_features} invariants -> {self.out_type}"
