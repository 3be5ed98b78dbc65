"""The training loop: weights, optimiser states and the number of steps are the whole state.

Requirements that shaped this module:

- a step is a function of its number: nothing else is random. So a training that was killed and
  resumed has the curve of one that was not, to the last bit on a CPU;
- a checkpoint is written whole or not at all, with optimisers, schedules and callbacks;
- several trainings run side by side in threads, so nothing global is touched: no warning filters,
  no signal handlers, and torch's generator only where an objective asks for it.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from eqsets.errors import OptionError
from eqsets.training.callbacks import Callback
from eqsets.training.devices import Devices, OneDevice
from eqsets.training.files import write_whole
from eqsets.training.objective import Objective, Step
from eqsets.training.plan import Plan

__all__ = ["Training", "seed_torch"]

_FORMAT = 2  # 1: by Lightning's Trainer
_SAVE_EVERY = 10.0  # seconds


class Training:
    """One objective, trained by a plan.

    Arguments:
        objective: what is minimised.
        plan: how long, and with which learning rates.
        seed: of all random numbers.
        identity: fingerprint of what decides the training; a checkpoint must have the same.
        checkpoint: file to resume from, if it exists, and to write to; ``None``: no file.
        check_every: steps between two evaluations; 0: none. The last step is always evaluated.
        callbacks: called after steps and evaluations.
        devices: default: one device.
        resume: whether to use the file: ``True``, ``False``, or ``"same"``: only if it is of this
            training, else begin again.

    Attributes:
        step: how many are done.
        seconds: CPU time of the training thread.

    Raises:
        OptionError: the checkpoint is of another training or damaged, and ``resume`` is ``True``.
    """

    def __init__(
        self,
        objective: Objective,
        plan: Plan,
        *,
        seed: int = 0,
        identity: str = "",
        checkpoint: Path | None = None,
        check_every: int = 0,
        callbacks: Sequence[Callback] = (),
        devices: Devices | None = None,
        resume: bool | str = True,
    ) -> None:
        self.objective, self.plan, self.seed, self.identity = objective, plan, seed, identity
        self.checkpoint, self.check_every, self.callbacks = checkpoint, check_every, callbacks
        self.devices = OneDevice("cpu") if devices is None else devices
        self.step, self.seconds, self._saved = 0, 0.0, -1
        objective.to(self.devices.device)
        objective.network.to(self.devices.device)
        self.optimizers = list(objective.optimizers(plan))
        self.schedules = [
            LambdaLR(one, lambda step: plan.rate(step, self.seconds)) for one in self.optimizers
        ]
        if resume and checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint, strict=resume is True)

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or a callback has ended it."""
        done = self.plan.finished(self.step, self.seconds)
        return done or any(one.stop for one in self.callbacks)

    def run(self, stop: threading.Event | None = None) -> None:
        """Train to the end, or to the step in which ``stop`` is set, and write the checkpoint."""
        self.objective.network.train()
        loss = _Loss(self.objective)
        module, optimizers = self.devices.set_up(loss, self.optimizers)
        before, began, saved = self.seconds, time.thread_time(), time.monotonic()
        try:
            while not (self.finished or (stop is not None and stop.is_set())):
                loss.step = self._next()
                terms = self._minimise(module, optimizers)
                self.step += 1
                self.seconds = before + time.thread_time() - began
                for schedule in self.schedules:
                    schedule.step()
                for callback in self.callbacks:
                    callback.on_step(self.step, terms)
                if self._check() or time.monotonic() - saved > _SAVE_EVERY:
                    self.save()
                    saved = time.monotonic()
            if self._saved != self.step:
                self.save()
        finally:
            for callback in self.callbacks:
                callback.on_end()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        self._saved = self.step
        if self.checkpoint is None or self.devices.rank:
            return
        state = {
            "format": _FORMAT,
            "identity": self.identity,
            "step": self.step,
            "seconds": self.seconds,
            "network": self.objective.network.state_dict(),
            "optimizers": [one.state_dict() for one in self.optimizers],
            "schedules": [one.state_dict() for one in self.schedules],
            "callbacks": {one.name: one.state_dict() for one in self.callbacks},
        }
        write_whole(state, self.checkpoint)

    def _next(self) -> Step:
        return Step(
            self.step,
            self.plan.steps,
            max(1, self.plan.batch // self.devices.world_size),
            torch.Generator().manual_seed(self._seed()),
        )

    def _seed(self) -> int:
        return ((self.seed * 1_000_003 + self.step) * 1_009 + self.devices.rank) % 2**63

    def _minimise(self, module: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
        with self._seeded():
            terms: dict[str, Tensor] = module()
        for one in optimizers:
            one.zero_grad()
        self.devices.backward(terms["loss"])
        nn.utils.clip_grad_norm_(self.objective.trained(), self.plan.clip)
        for one in optimizers:
            one.step()
        return {name: term.detach() for name, term in terms.items()}

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Seed torch's generator for a step, for dropout, which takes no other."""
        if not self.objective.draws_from_torch:
            yield
            return
        device = self.devices.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            seed_torch(self._seed(), device)
            yield

    def _check(self) -> bool:
        """Evaluate on held-out data if it is time to, and say whether it was."""
        last = self.plan.finished(self.step, self.seconds)
        if not self.check_every or not (last or self.step % self.check_every == 0):
            return False
        with torch.no_grad():
            values = self.objective.check()
        numbers = {name: self.devices.mean(float(value)) for name, value in values.items()}
        for callback in self.callbacks:
            callback.on_check(self.step, numbers)
        return True

    def _resume(self, path: Path, *, strict: bool) -> None:
        state: dict[str, Any] = {}
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            identity = state["identity"] if state["format"] == _FORMAT else "another version"
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
            identity = f"unreadable: {error}"
        if identity != self.identity and strict:
            raise OptionError(
                f"{path} is of another fit ({identity[:60]}), expected one of the same images, "
                "family, preset and seed. Choose another folder, or pass resume=False to write "
                "over it."
            )
        if identity != self.identity:
            return
        self.objective.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for schedule, saved in zip(self.schedules, state["schedules"], strict=True):
            schedule.load_state_dict(saved)
        for callback in self.callbacks:
            callback.load_state_dict(state["callbacks"].get(callback.name, {}))
        self.step, self.seconds = state["step"], state["seconds"]
        self._saved = self.step


class _Loss(nn.Module):
    """An objective as a module, so that processes average the gradients of its network."""

    step: Step

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective, self.network = objective, objective.network

    def forward(self) -> dict[str, Tensor]:
        return self.objective.loss(self.step)


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed torch's generators as ``torch.manual_seed`` does, which is slow without a GPU.

    It keeps a stack trace for each kind of device that may still be set up: 7 ms and some memory
    at each step, a third of the time of a small network.
    """
    if device.type == "cuda":
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
