"""Where a training runs: on one device of this process, or by Lightning Fabric on several."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from eqsets.errors import OptionError, choices
from eqsets.optional import require

__all__ = ["Devices", "OneDevice", "check_device_options", "devices_of"]


class Devices(Protocol):
    """What the loop needs of the devices that it runs on.

    Attributes:
        device: of this process.
        rank: number of this process.
        world_size: how many processes there are.
    """

    device: torch.device
    rank: int
    world_size: int

    def set_up(
        self, module: nn.Module, optimizers: list[Optimizer]
    ) -> tuple[nn.Module, list[Optimizer]]:
        """Move a module to the device, and have gradients averaged over processes."""

    def backward(self, loss: Tensor) -> None:
        """Compute gradients."""

    def mean(self, value: float) -> float:
        """Return the mean of a number over the processes."""


class OneDevice:
    """One device of this process, and no others.

    Arguments:
        device: default: the CUDA device if there is one. The GPU of a Mac is not used: products of
            group elements need float64.
    """

    rank, world_size = 0, 1

    def __init__(self, device: torch.device | str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    def set_up(
        self, module: nn.Module, optimizers: list[Optimizer]
    ) -> tuple[nn.Module, list[Optimizer]]:
        return module.to(self.device), optimizers

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def mean(self, value: float) -> float:
        return value


class _FabricDevices:
    def __init__(self, options: Mapping[str, Any]) -> None:
        require("lightning")
        from lightning.fabric import Fabric

        accelerator = "cpu" if torch.backends.mps.is_available() else "auto"
        with _warnings_only("lightning.fabric"):  # else it recommends other products
            self.fabric = Fabric(**{"accelerator": accelerator, "devices": 1, **options})
            self.fabric.launch()
        self.device = self.fabric.device
        self.rank, self.world_size = self.fabric.global_rank, self.fabric.world_size

    def set_up(
        self, module: nn.Module, optimizers: list[Optimizer]
    ) -> tuple[nn.Module, list[Optimizer]]:
        wrapped, *others = self.fabric.setup(module, *optimizers)
        return wrapped, list(others)

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def mean(self, value: float) -> float:
        reduced = self.fabric.all_reduce(torch.tensor(value, device=self.device), reduce_op="mean")
        return float(cast(Tensor, reduced))


@contextmanager
def _warnings_only(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def devices_of(options: Mapping[str, Any]) -> Devices:
    """Return the devices that the arguments of Fabric name; without any, one device."""
    return _FabricDevices(options) if options else OneDevice()


def check_device_options(options: Mapping[str, Any]) -> None:
    """Raise unless these are arguments of ``lightning.Fabric`` that a fit leaves open.

    Raises:
        OptionError: one is unknown, or Lightning is not installed.
    """
    if not options:
        return
    require("lightning")
    from lightning.fabric import Fabric

    known = inspect.signature(Fabric).parameters.keys() - {"callbacks", "loggers"}
    for name in sorted(set(options) - known):
        raise OptionError(
            f"a fit got the argument {name}={options[name]!r}, which it does not have and does "
            "not pass on to lightning.Fabric (what a preset or plan decides is set there): "
            f"{choices(name, known)}"
        )
