"""The Muon optimiser: momentum, orthogonalised.

In short trainings the optimiser matters: at equal time Muon improved the DSS network by 1.3 dB over
AdamW at its best learning rate, and the Siamese network by as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonal"]


class Muon(torch.optim.Optimizer):
    r"""Update each kernel by an orthogonal matrix: all singular values of the step are equal.

    .. math:: m \leftarrow \mu m + g, \qquad w \leftarrow w - \eta \, U V^T
        \quad\text{where}\quad g + \mu m = U \Sigma V^T

    A kernel ``(out, in, *size)`` is reshaped to a matrix ``(out, in * prod(size))``. Its
    polar factor :math:`U V^T` is approximated by :func:`orthogonal`, for all kernels of one shape
    together.

    References:
        Muon: An optimizer for hidden layers in neural networks, Jordan et al., 2024,
        https://kellerjordan.github.io/posts/muon/.

    Arguments:
        kernels: parameters of at least two axes.
        lr: learning rate, the spectral norm of a step.
        momentum: :math:`\mu`.
    """

    def __init__(self, kernels: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(kernels, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Do one optimisation step with the current gradients."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for kernel in group["params"]:
                if kernel.grad is not None:
                    direction = self._direction(kernel, kernel.grad, group["momentum"]).flatten(1)
                    by_shape.setdefault(direction.shape, []).append((kernel, direction))
            for (rows, columns), pairs in by_shape.items():
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                steps = orthogonal(torch.stack([direction for _, direction in pairs]))
                for (kernel, _), step in zip(pairs, steps, strict=True):
                    kernel.sub_(step.view(kernel.shape), alpha=scale)

    def _direction(self, kernel: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        state: dict[str, Any] = self.state[kernel]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(kernel)
        average: Tensor = state["momentum"].mul_(momentum).add_(gradient)
        return gradient.add(average, alpha=momentum)


def orthogonal(matrices: Tensor) -> Tensor:
    """Return approximate polar factors of matrices ``(E, rows, columns)``.

    Five steps of a polynomial iteration map the singular values into about [0.7, 1.2].

    Example:
        >>> matrices = torch.randn(3, 4, 9, generator=torch.Generator().manual_seed(0))
        >>> values = torch.linalg.svdvals(orthogonal(matrices))
        >>> bool((values > 0.6).all() and (values < 1.3).all())
        True
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        # The quintic of the reference: steep at zero, so that five steps suffice.
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x
