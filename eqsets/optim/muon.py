"""The Muon optimiser for kernels of any shape: momentum, orthogonalised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError, ShapeError

__all__ = ["Muon", "orthogonal"]


class Muon(torch.optim.Optimizer):
    r"""Update each kernel by an orthogonal matrix: all singular values of the step are equal.

    .. math:: m \leftarrow \mu m + g, \qquad w \leftarrow w - \eta \sqrt{\max(1, r / c)} \, U V^T
        \quad\text{where}\quad g + \mu m = U \Sigma V^T

    A kernel ``(out, in, *size)`` is reshaped to a matrix of ``r = out`` rows and ``c = in *
    prod(size)`` columns. Its polar factor :math:`U V^T` is approximated by :func:`orthogonal`, for
    all kernels of one shape together. Train biases and norms by another optimiser, such as Adam.

    ``torch.optim.Muon`` (from torch 2.9) is the same update for parameters that are matrices, with
    weight decay, and its iteration is in bfloat16.

    References:
        Muon: An optimizer for hidden layers in neural networks, Jordan et al., 2024,
        https://kellerjordan.github.io/posts/muon/.

    Arguments:
        kernels: parameters of at least two axes.
        lr: learning rate, the spectral norm of a step of a wide kernel.
        momentum: :math:`\mu`, in [0, 1).

    Raises:
        ShapeError: a parameter has fewer than two axes.
        OptionError: ``lr`` is negative, or ``momentum`` is not in [0, 1).

    Example:
        >>> from eqsets import SetNetwork
        >>> network = SetNetwork("trivial", [3, 16, 16], readout=2)
        >>> kernels = [weight for weight in network.parameters() if weight.dim() > 1]
        >>> others = [weight for weight in network.parameters() if weight.dim() <= 1]
        >>> optimizers = [Muon(kernels, lr=0.02), torch.optim.Adam(others, lr=5e-3)]
        >>> network(torch.randn(4, 5, 3)).square().mean().backward()
        >>> for optimizer in optimizers:
        ...     optimizer.step()
    """

    def __init__(self, kernels: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.9) -> None:
        if lr < 0 or not 0 <= momentum < 1:
            raise OptionError(
                f"Muon got lr={lr!r} and momentum={momentum!r}, expected a learning rate of at "
                "least 0 and a momentum in [0, 1). Write for example lr=0.01, momentum=0.9."
            )
        super().__init__(kernels, {"lr": lr, "momentum": momentum})
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.dim() < 2:
                    raise ShapeError(
                        f"Muon got a parameter of shape {tuple(kernel.shape)}, expected at least "
                        "two axes. Train biases and norms by another optimiser, such as Adam."
                    )

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
