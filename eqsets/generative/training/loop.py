"""The training loop, by Lightning: what runs, logs, stops, saves and resumes an objective.

Requirements that shaped this module:

- a step is a function of its number: the data loader counts, and nothing else is random. So a fit
  that was killed and resumed has the curve of one that was not, to the last bit on a CPU;
- a checkpoint is written whole or not at all, with optimiser, best weights and curve;
- this, ``watch`` and ``progress`` import Lightning, and are imported by a fit only.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.loggers import Logger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from eqsets.errors import OptionError, choices
from eqsets.generative.training.callbacks import CHECK, Watch
from eqsets.generative.training.files import write_whole
from eqsets.generative.training.objective import Objective, Step
from eqsets.generative.training.presets import StagePlan

__all__ = ["run"]


_BESIDE_THE_POINT = (
    ".*does not have many workers.*",
    ".*number of training batches.*",
    ".*LeafSpec.*is deprecated.*",
    ".*GPU available but not used.*",
)


class _Count(Dataset[int]):
    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: int) -> int:
        return place


class _Module(pl.LightningModule):
    def __init__(self, objective: Objective, plan: StagePlan, seed: int) -> None:
        super().__init__()
        self.objective, self.plan, self.seed = objective, plan, seed
        self.network = objective.network

    def on_fit_start(self) -> None:
        self.objective.to(self.device)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        number, rank = self.global_step, self.global_rank
        seed = (self.seed * 1_000_003 + number) * 1_009 + rank
        step = Step(
            number,
            self.plan.steps,
            max(1, self.plan.batch // self.trainer.world_size),
            torch.Generator().manual_seed(seed % 2**63),
        )
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            _seed(seed % 2**63, devices)  # for dropout, which takes no generator
            terms = self.objective.loss(step)
        if (number + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self.log_dict({name: term.detach() for name, term in terms.items()})
        return terms["loss"]

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        for name, value in self.objective.check().items():
            self.log(f"{CHECK}{name}", value, batch_size=1, sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:  # type: ignore[override]
        plan = self.plan
        trained = [p for p in self.network.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(
            trained, lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, plan.rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _seed(seed: int, devices: list[torch.device]) -> None:
    """Seed CPU and devices as ``torch.manual_seed`` does, which is slow where there is no GPU.

    It keeps a stack trace for each kind of device that may still be set up: 7 ms and some memory
    at each step, a third of the time of a small network.
    """
    if devices:
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


class _WholeFiles(TorchCheckpointIO):
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        write_whole(checkpoint, Path(path))


def run(
    objective: Objective,
    plan: StagePlan,
    *,
    name: str,
    mark: str,
    seed: int,
    folder: Path | None,
    resume: bool,
    quiet: bool,
    loggers: list[Logger],
    trainer_options: dict[str, Any],
) -> list[dict[str, float]]:
    """Minimise an objective by a plan; leave the best weights in its network.

    Args:
        objective: what to minimise.
        plan: how.
        name: of the stage; names its files.
        mark: fingerprint of the fit, which a checkpoint must have to be gone on from.
        seed: of all random numbers.
        folder: for ``<name>.ckpt`` and ``<name>.csv``; ``None``: write nothing.
        resume: whether to go on from a checkpoint that is there.
        quiet: show nothing.
        loggers: of Lightning.
        trainer_options: further arguments of ``lightning.Trainer``: devices, strategy ...

    Returns:
        The curve: one row for each look at the validation images.

    Raises:
        OptionError: there is no such argument, or it is ours to decide; the checkpoint is of
            another fit or damaged; the loss was never finite.
    """
    module = _Module(objective, plan, seed)
    every = min(plan.check_every, plan.steps)
    watch = Watch(
        objective,
        mark=mark,
        patience=plan.patience,
        checkpoint=None if folder is None else folder / f"{name}.ckpt",
        table=None if folder is None else folder / f"{name}.csv",
    )
    shown = [] if quiet else _progress(name, plan.steps, f"{CHECK}{objective.monitor}")
    decided: dict[str, Any] = {
        "max_steps": plan.steps,
        "callbacks": [watch, *shown],
        "plugins": [_WholeFiles()],
        "logger": loggers or False,
        "enable_progress_bar": not (quiet or shown),
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": every,
        "gradient_clip_val": plan.clip,
        "use_distributed_sampler": False,
    }
    _check(trainer_options, decided)
    options = {"accelerator": _accelerator(), "devices": 1, **trainer_options}
    with _calm(quiet):
        trainer = pl.Trainer(**decided, **options)
        start = watch.resumable() if resume else None
        trainer.fit(
            module,
            DataLoader(_Count(every), batch_size=1),
            DataLoader(_Count(1), batch_size=1),
            ckpt_path=None if start is None else str(start),
            weights_only=True,
        )
    watch.restore_best()
    return watch.curve


def _check(trainer_options: dict[str, Any], decided: dict[str, Any]) -> None:
    """Raise unless these are arguments of ``lightning.Trainer`` that are not decided already."""
    known = inspect.signature(pl.Trainer).parameters.keys() - decided.keys()
    for name in sorted(set(trainer_options) - known):
        raise OptionError(
            f"a fit got the argument {name}={trainer_options[name]!r}, which it does not have and "
            "does not pass on to lightning.Trainer (what a preset or plan decides is set there): "
            f"{choices(name, known)}"
        )


def _accelerator() -> str:
    """Return ``"auto"``, but never the GPU of a Mac: products of groups need its float64."""
    return "cpu" if torch.backends.mps.is_available() else "auto"


def _progress(name: str, steps: int, monitor: str) -> list[pl.Callback]:
    """Return what shows progress; nothing without rich, an extra: then Lightning does."""
    if find_spec("rich") is None:
        return []
    from eqsets.generative.training.progress import StageProgress

    return [StageProgress(name, steps, monitor)]


@contextmanager
def _calm(quiet: bool) -> Iterator[None]:
    """Keep advice that does not apply to a loader that only counts, and, if asked, warnings."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    before = [one.level for one in loggers]
    for one in loggers:  # else every fit recommends other products
        one.setLevel(logging.ERROR if quiet else logging.WARNING)
    with warnings.catch_warnings():
        for text in _BESIDE_THE_POINT:
            warnings.filterwarnings("ignore", text)
        try:
            yield
        finally:
            for one, level in zip(loggers, before, strict=True):
                one.setLevel(level)
