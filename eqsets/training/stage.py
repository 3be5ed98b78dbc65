"""One stage of a fit: train, keep the best weights, write curve and checkpoint, show progress."""

from __future__ import annotations

import threading
from importlib.util import find_spec

from eqsets.training.callbacks import Callback, CurveTable, Logs, Selection
from eqsets.training.devices import devices_of
from eqsets.training.interrupt import deferred_interrupt
from eqsets.training.loop import Training
from eqsets.training.objective import Objective
from eqsets.training.options import FitOptions
from eqsets.training.plan import StagePlan

__all__ = ["run_stage"]


def run_stage(
    objective: Objective, plan: StagePlan, *, name: str, identity: str, options: FitOptions
) -> list[dict[str, float]]:
    """Minimise an objective by a plan; leave the best weights in its network.

    Args:
        objective: what to minimise.
        plan: how.
        name: of the stage; of its files, ``<name>.ckpt`` and ``<name>.csv``.
        identity: fingerprint of the fit, which a checkpoint must have.
        options: seed, files, output, devices.

    Returns:
        The curve: one row for each evaluation on held-out data.

    Raises:
        OptionError: the checkpoint is of another fit or damaged; the loss was never finite.
        KeyboardInterrupt: on Ctrl-C, after the checkpoint has been written.
    """
    devices, stop = devices_of(options.devices), threading.Event()
    selection = Selection(objective.network, objective.monitor, plan.patience)
    callbacks: list[Callback] = [selection]
    if options.folder is not None and not devices.rank:
        callbacks.append(CurveTable(selection, options.folder / f"{name}.csv"))
    if options.loggers:
        callbacks.append(Logs(options.loggers))
    if not (options.quiet or devices.rank) and find_spec("rich") is not None:
        from eqsets.training.progress import StageProgress  # rich is an extra

        callbacks.append(StageProgress(name, plan.steps, objective.monitor))
    training = Training(
        objective,
        plan,
        seed=options.seed,
        identity=identity,
        checkpoint=None if options.folder is None else options.folder / f"{name}.ckpt",
        check_every=min(plan.check_every, plan.steps),
        callbacks=callbacks,
        devices=devices,
        resume=options.resume,
    )
    with deferred_interrupt(stop):
        training.run(stop)
    if stop.is_set():
        raise KeyboardInterrupt
    selection.restore_best()
    return selection.curve
