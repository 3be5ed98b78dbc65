"""Exact constants inside modules: float64 at the source, so that ``.double()`` gains accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

__all__ = ["Constants"]


class Constants(nn.Module):
    """Hold fixed tensors that follow their module's device and dtype, from float64 each time.

    They are no part of the state dict: constructors make them again.

    Arguments:
        exact: the tensors, in float64.
    """

    def __init__(self, exact: Iterable[Tensor]) -> None:
        super().__init__()
        self._exact = [tensor.double() for tensor in exact]
        for number, tensor in enumerate(self._exact):
            now = tensor.to(torch.get_default_dtype())
            self.register_buffer(f"value{number}", now, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Constants:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for number, exact in enumerate(self._exact):
            now = getattr(self, f"value{number}")
            setattr(self, f"value{number}", exact.to(device=now.device, dtype=now.dtype))
        return self

    def forward(self) -> list[Tensor]:
        """Return the tensors."""
        return [getattr(self, f"value{number}") for number in range(len(self._exact))]

    def extra_repr(self) -> str:
        return ", ".join(str(tuple(tensor.shape)) for tensor in self._exact)
