"""How symmetric a network stays while it trains: :class:`EquivarianceMonitor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from eqsets.equivariance.error import equivariance_error
from eqsets.errors import OptionError
from eqsets.features import FeatureType

if TYPE_CHECKING:
    from lightning.pytorch import Callback

__all__ = ["EquivarianceMonitor"]


class EquivarianceMonitor:
    """Measure :func:`eqsets.equivariance_error` of a network every few steps of its training.

    Call it in a loop of your own, or give ``monitor.callback()`` to a Lightning ``Trainer``, which
    logs ``equivariance_error`` at the end of every training epoch.

    Arguments:
        in_type: type of an element of the input.
        out_type: type of an element of the output.
        every: number of calls from one measurement to the next.
        options: of :func:`eqsets.equivariance_error`, such as ``samples=2``.

    Attributes:
        history: pairs (step, largest error).

    Raises:
        OptionError: ``every`` is no positive whole number.

    Example:
        >>> from eqsets import DSS
        >>> layer = DSS("trivial", 2, 4)
        >>> monitor = EquivarianceMonitor(layer.in_type, layer.out_type, every=10)
        >>> for step in range(21):
        ...     _ = monitor(layer)
        >>> [step for step, error in monitor.history]
        [0, 10, 20]
    """

    def __init__(
        self, in_type: FeatureType, out_type: FeatureType, *, every: int = 1, **options: Any
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise OptionError(
                f"EquivarianceMonitor got every={every!r}, expected a whole number of at least 1: "
                "the number of calls from one measurement to the next."
            )
        self.in_type, self.out_type, self.every, self.options = in_type, out_type, every, options
        self.history: list[tuple[int, float]] = []
        self._calls = 0

    def __call__(self, model: nn.Module, step: int | None = None) -> float | None:
        """Return the largest error, or ``None`` between measurements.

        Arguments:
            model: the network.
            step: what ``history`` calls the measurement; the number of calls before by default.
        """
        calls, self._calls = self._calls, self._calls + 1
        if calls % self.every:
            return None
        report = equivariance_error(model, self.in_type, self.out_type, **self.options)
        self.history.append((calls if step is None else step, report.max))
        return report.max

    def callback(self) -> Callback:
        """Return a callback for ``lightning.pytorch.Trainer``, which measures after every epoch.

        Raises:
            ImportError: lightning is not installed.
        """
        from lightning.pytorch import Callback, LightningModule, Trainer

        monitor = self

        class _Monitor(Callback):
            def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
                error = monitor(pl_module, trainer.global_step)
                if error is not None:
                    pl_module.log("equivariance_error", error)

        return _Monitor()
