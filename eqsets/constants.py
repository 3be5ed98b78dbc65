"""Fixed tensors inside modules: exact at the source, derived for each device and dtype when used.

Requirements that shaped this module:

- ``.double()`` gives float64 digits, so a constant is stored in float64 and rounded when used;
- a module that is built on meta and then loaded, or emptied and loaded, gives right numbers,
  although its constants are in no state_dict: they are neither parameters nor buffers;
- functional calls, stacked ensembles, DistributedDataParallel and FSDP2 exchange, cast or
  broadcast parameters and buffers: a constant follows the tensor that it is combined with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Constants", "on_cpu"]

_SHOWN = 6  # constants that the repr names one by one


def on_cpu() -> torch.device:
    """Return a context in which new tensors are real ones, also under ``torch.device("meta")``.

    Example:
        >>> with torch.device("meta"), on_cpu():
        ...     torch.ones(2).device
        device(type='cpu')
    """
    return torch.device("cpu")


class Constants(nn.Module):
    """Named fixed tensors of a module: no parameters, no buffers, not in the ``state_dict``.

    Floating point constants are stored in float64 on the CPU and rounded once for each device and
    dtype; whole numbers keep their dtype. Constants whose value is ``None`` are left out.

    Arguments:
        exact: the tensors by name, not on meta: build them under :func:`on_cpu`.

    Example:
        >>> constants = Constants(third=torch.tensor(1 / 3, dtype=torch.float64))
        >>> constants.get("third", like=torch.zeros((), dtype=torch.float16))
        tensor(0.3333, dtype=torch.float16)
    """

    def __init__(self, **exact: Tensor | None) -> None:
        super().__init__()
        self._exact = {name: _stored(name, t) for name, t in exact.items() if t is not None}
        self._device = torch.empty(0).device
        self._dtype = torch.get_default_dtype()
        self._ready: dict[str, list[Tensor]] = {}
        self._attached: list[tuple[str, nn.Module, str]] = []
        self._prepare()

    def get(self, name: str, like: Tensor) -> Tensor:
        """Return the constant on the device of ``like``, and in its dtype unless whole numbers."""
        exact = self._exact[name]
        dtype = like.dtype if exact.is_floating_point() else exact.dtype
        for ready in self._ready[name]:
            if ready.dtype == dtype and ready.device == like.device:
                return ready
        return self._derive(name, like.device, dtype)

    def get_all(self, like: Tensor) -> list[Tensor]:
        """Return all constants, in the order in which they were given, as :meth:`get` does."""
        return [self.get(name, like) for name in self._exact]

    def attach(self, name: str, module: nn.Module, attribute: str) -> None:
        """Make a constant the attribute of a module that takes it from there, as its weight."""
        self._attached.append((name, module, attribute))
        self.follow(torch.empty(0, dtype=self._dtype, device=self._device))

    def follow(self, like: Tensor) -> None:
        """Let attached constants follow ``like``; to be called before their modules."""
        for name, module, attribute in self._attached:
            value = self.get(name, like)
            if module.__dict__.get(attribute) is not value:
                setattr(module, attribute, value)

    def exact(self, name: str) -> Tensor:
        """Return the constant as it is stored, in float64 on the CPU."""
        return self._exact[name]

    def _derive(self, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
        exact = self._exact[name]
        if torch.compiler.is_compiling():
            return exact.to(device=device, dtype=dtype)
        with torch.inference_mode(False), torch.no_grad():  # else unfit for a later backward pass
            value = exact.to(device=device, dtype=dtype)
        # Fake tensors and wrappers of torch.func are only valid inside the call that made them.
        if type(value) is Tensor and not torch._C._functorch.is_functorch_wrapped_tensor(value):
            self._ready[name].append(value)
        return value

    def _prepare(self) -> None:
        """Forget what was derived, and derive for the device and dtype of the owner.

        So that a compiled graph finds rounded constants on its device.
        """
        self._ready = {name: [] for name in self._exact}
        for name, exact in self._exact.items():
            dtype = self._dtype if exact.is_floating_point() else exact.dtype
            self._derive(name, self._device, dtype)
        self.follow(torch.empty(0, dtype=self._dtype, device=self._device))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Constants:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        moved = fn(torch.empty(0, dtype=self._dtype, device=self._device))
        self._device, self._dtype = moved.device, moved.dtype
        self._prepare()
        return self

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        # Earlier versions had them as buffers of the owner, whose states may hold them.
        parent = prefix[: prefix.rstrip(".").rfind(".") + 1]
        for name in self._exact:
            if parent + name in unexpected_keys:
                unexpected_keys.remove(parent + name)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_ready": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._prepare()

    def extra_repr(self) -> str:
        if len(self._exact) > _SHOWN:
            return f"{len(self._exact)} tensors"
        return ", ".join(f"{name} {tuple(t.shape)}" for name, t in self._exact.items())


def _stored(name: str, constant: Tensor) -> Tensor:
    if constant.device.type == "meta":
        raise AssertionError(f"the constant {name!r} has no values on meta: build it under on_cpu")
    with torch.inference_mode(False):
        wide = constant.dtype.is_floating_point
        dtype = torch.float64 if wide else constant.dtype
        plain = constant.detach().to(device="cpu", dtype=dtype)
        return plain.clone() if plain.is_inference() else plain
