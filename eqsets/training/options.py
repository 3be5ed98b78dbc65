"""Options of a fit in addition to its data and its plan: one value, checked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eqsets.training.devices import check_device_options

if TYPE_CHECKING:
    from lightning.fabric.loggers.logger import Logger

__all__ = ["FitOptions"]


@dataclass(frozen=True)
class FitOptions:
    """Seed, files, output and devices of a fit.

    Attributes:
        seed: of all random numbers.
        folder: of checkpoints and curves; ``None``: nothing is written.
        resume: whether to resume from a checkpoint in the folder.
        quiet: whether to show no progress.
        loggers: of Lightning.
        devices: arguments of ``lightning.Fabric``: ``accelerator``, ``devices``, ``strategy`` ...

    Raises:
        OptionError: an argument in ``devices`` is none of Fabric, or the loop decides it.
    """

    seed: int = 0
    folder: Path | None = None
    resume: bool = True
    quiet: bool = False
    loggers: tuple[Logger, ...] = ()
    devices: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_device_options(self.devices)

    @classmethod
    def of(
        cls,
        *,
        seed: int = 0,
        folder: str | Path | None = None,
        resume: bool = True,
        quiet: bool = False,
        loggers: Iterable[Logger] = (),
        **devices: Any,
    ) -> FitOptions:
        """Return the options from the keyword arguments of a ``fit`` method."""
        path = None if folder is None else Path(folder)
        return cls(seed, path, resume, quiet, tuple(loggers), devices)
