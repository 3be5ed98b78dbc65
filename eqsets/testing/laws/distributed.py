"""D: a module can be trained by several processes at once, each on its own sets.

Two processes train one small module. They are forked: nothing has to be imported or pickled again,
and a script that calls the laws needs no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import warnings
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
from torch import Tensor, nn

from eqsets.registry._references import Failure, attempt
from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Cases, Law, law
from eqsets.testing.laws.deployment import principal
from eqsets.testing.spec import ContractSpec, SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_RANKS = 2
_STEPS = 4
_SECONDS = 120.0  # then the processes are taken to wait for each other


def trained(subject: ContractSpec) -> Cases:
    """Return the principal set modules, where two processes can be forked to train them."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return "this system cannot fork processes"
    if torch.accelerator.is_available():
        return "processes that are forked cannot use an accelerator"
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        return "this build of torch has no distributed training on the CPU (gloo)"
    return principal(subject)


def _batches(bench: SetBench) -> list[list[Tensor]]:
    """Return the sets of each process at each step; processes see sets of different sizes."""
    return [
        [bench.sets(BATCH, 2 + rank, shift=_RANKS * step + rank) for step in range(_STEPS)]
        for rank in range(_RANKS)
    ]


def _gradients(bench: SetBench, module: nn.Module, x: Tensor) -> list[Tensor]:
    """Return the gradients of a loss that is a mean over the batch."""
    bench.module.zero_grad()
    module(x, **bench.options()).square().mean().backward()
    return [
        torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
        for weight in bench.module.parameters()
    ]


def _train(rank: int, folder: Path, bench: SetBench, batches: list[list[Tensor]]) -> nn.Module:
    """Train as one process: a step in eval mode, whose gradients are saved, then others."""
    import torch.distributed as dist

    torch.set_num_threads(1)
    store = (folder / "store").as_uri()
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=_RANKS)
    shared = nn.parallel.DistributedDataParallel(bench.module)
    actual = _gradients(bench, shared, batches[rank][0])
    shared.train()
    with randomness(bench.trial.seed + rank):
        for x in batches[rank]:
            _gradients(bench, shared, x)
    torch.save(actual, folder / f"gradients {rank}")
    return shared


def _process(
    pipe: Connection, rank: int, folder: Path, bench: SetBench, batches: list[list[Tensor]]
) -> None:
    outcome = attempt(lambda: _train(rank, folder, bench, batches))
    pipe.send(outcome.text if isinstance(outcome, Failure) else "")
    pipe.recv()  # until the parent ends this process: shutting gloo down may deadlock


def _in_processes(bench: SetBench, batches: list[list[Tensor]]) -> list[list[Tensor]]:
    """Return the gradients that each process has after averaging."""
    import torch._dynamo  # DistributedDataParallel imports it: once here, and not in each child

    context, children, pipes = multiprocessing.get_context("fork"), [], []
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: threads and fork
        folder = Path(name)
        for rank in range(_RANKS):
            pipe, far = context.Pipe()
            given = (far, rank, folder, bench, batches)
            child = context.Process(target=_process, args=given, daemon=True)
            child.start()
            children.append(child)
            pipes.append(pipe)
        try:
            _await(bench, pipes)
            return [torch.load(folder / f"gradients {rank}") for rank in range(_RANKS)]
        finally:
            for child, pipe in zip(children, pipes, strict=True):
                child.kill()
                child.join()
                pipe.close()


def _await(bench: SetBench, pipes: list[Connection]) -> None:
    """Wait until all processes are through; the first error ends it, the others may be stuck."""
    waiting, last = list(pipes), time.monotonic() + _SECONDS
    while waiting:
        ready = wait(waiting, last - time.monotonic())
        bench.trial.expect(bool(ready), f"{bench.case.label}: processes wait for each other")
        for pipe in waiting[:]:
            if pipe in ready:
                error = pipe.recv()
                bench.trial.expect(not error, f"{bench.case.label}: {error}")
                waiting.remove(pipe)


@law(
    "EQD13-distributed",
    "Two processes (DistributedDataParallel, gloo) train a module, with no unused parameter in any "
    "step, and their gradients are those of one process with the sets of both.",
    breaks="a branch that is left out of some steps: the other process waits for its gradients",
    cases=trained,
    once=True,
    after=("EQV03-every-weight-learns", "EQV04-finite-gradients"),
    slow="starting processes takes seconds; it runs in the profile 'default'",
)
def distributed(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 1, torch.float32)
    batches = _batches(bench)
    alone = [_gradients(bench, bench.module, sets[0]) for sets in batches]
    expected = [sum(each) / _RANKS for each in zip(*alone, strict=True)]
    for rank, actual in enumerate(_in_processes(bench, batches)):
        for value, right in zip(actual, expected, strict=True):
            bench.compare(value, right, rounding(torch.float32), f"gradients of process {rank}")


LAWS: tuple[Law, ...] = (distributed,)
"""The laws of the family about training by several processes."""
