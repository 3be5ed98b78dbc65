"""Run a function in forked processes that form a process group (gloo, on the CPU).

Processes are forked: nothing has to be imported or pickled again, and a script that calls the laws
needs no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from eqsets.registry._references import Failure, attempt
from eqsets.testing.trial import Trial

__all__ = ["in_processes", "without_processes"]

_SECONDS = 120.0  # then the processes are taken to wait for each other


def without_processes() -> str:
    """Return why processes cannot be forked into a process group, or nothing."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return "this system cannot fork processes"
    if torch.accelerator.is_available():
        return "processes that are forked cannot use an accelerator"
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        return "this build of torch has no distributed training on the CPU (gloo)"
    return ""


def in_processes(trial: Trial, label: str, ranks: int, work: Callable[[int], Any]) -> list[Any]:
    """Return what ``work(rank)`` returns in each of ``ranks`` processes.

    Raises:
        LawViolation: a process raises an error, or processes wait for each other.
    """
    import torch._dynamo  # wrappers of torch import it: once here, and not in each child

    context, pipes = multiprocessing.get_context("fork"), list[Connection]()
    children: list[BaseProcess] = []
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: threads and fork
        folder = Path(name)
        for rank in range(ranks):
            pipe, far = context.Pipe()
            given = (far, rank, ranks, folder, work)
            child: BaseProcess = context.Process(target=_process, args=given, daemon=True)
            child.start()
            children.append(child)
            pipes.append(pipe)
        try:
            _await(trial, label, pipes)
            return [torch.load(folder / f"result {rank}") for rank in range(ranks)]
        finally:
            for child, pipe in zip(children, pipes, strict=True):
                child.kill()
                child.join()
                pipe.close()


def _process(
    pipe: Connection, rank: int, ranks: int, folder: Path, work: Callable[[int], Any]
) -> None:
    outcome = attempt(lambda: _grouped(rank, ranks, folder, work))
    pipe.send(outcome.text if isinstance(outcome, Failure) else "")
    pipe.recv()  # until the parent ends this process: shutting gloo down may deadlock


def _grouped(rank: int, ranks: int, folder: Path, work: Callable[[int], Any]) -> None:
    import torch.distributed as dist

    warnings.simplefilter("ignore")  # of torch's own making, and in a process of its own
    torch.set_num_threads(1)
    store = (folder / "store").as_uri()
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=ranks)
    torch.save(work(rank), folder / f"result {rank}")


def _await(trial: Trial, label: str, pipes: list[Connection]) -> None:
    """Wait until all processes are through; the first error ends it, the others may be stuck."""
    waiting, last = list(pipes), time.monotonic() + _SECONDS
    while waiting:
        ready = wait(waiting, last - time.monotonic())
        trial.expect(bool(ready), f"{label}: processes wait for each other")
        for pipe in waiting[:]:
            if pipe in ready:
                error = pipe.recv()
                trial.expect(not error, f"{label}: {error}")
                waiting.remove(pipe)
