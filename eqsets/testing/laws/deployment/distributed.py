"""D: a module can be trained by several processes at once, each on its own sets.

Two processes train one small module: whole copies of it (DistributedDataParallel), or a shard of
each parameter (FSDP2).
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.modules import classes_of_modules
from eqsets.sets import SetBatch
from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Cases, Law, law
from eqsets.testing.laws.deployment.copies import principal
from eqsets.testing.running.processes import in_processes, without_processes
from eqsets.testing.spec import ContractSpec, SetCase
from eqsets.testing.ties import away_from_ties
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_RANKS = 2
_STEPS = 4
_SLOW = "starting processes takes seconds; it runs in the profile 'default'"


def trained(subject: ContractSpec) -> Cases:
    """Return the principal set modules, where two processes can be forked to train them."""
    return without_processes() or principal(subject)


def sharded_modules(subject: ContractSpec) -> Cases:
    """Return the principal set modules that claim half precision, where torch has FSDP2."""
    reason = without_processes()
    if reason:
        return reason
    import torch.distributed.fsdp as fsdp

    if not hasattr(fsdp, "fully_shard"):
        return "this torch has no FSDP2"
    cases = principal(subject)
    if isinstance(cases, str):
        return cases
    chosen = [case for case in cases if case.capabilities.bfloat16]
    return chosen if chosen or not cases else "half precision is not claimed"


def _batches(bench: SetBench, rank: int) -> list[tuple[Any, Tensor | None]]:
    """Return the sets of a process in every layout; processes see sets of different sizes.

    Sets of unequal sizes come padded, with large values at the padding, and ragged.
    """
    claims = bench.case.capabilities
    sets = [bench.sets(1, 1 + rank + each, shift=rank + each)[0] for each in range(BATCH)]
    batch = SetBatch.from_list(sets)
    given: list[tuple[Any, Tensor | None]] = [
        (bench.sets(BATCH, 2 + rank, shift=_RANKS * step + rank), None) for step in range(_STEPS)
    ]
    if claims.padded:
        x, mask = batch.to_padded()
        absent = ~mask.reshape(*mask.shape, *[1] * (x.dim() - 2))
        given.append((torch.where(absent, 9.0, x), mask))
    if claims.ragged:
        given.append((batch, None))
    return given


def _gradients(
    bench: SetBench, module: nn.Module, given: Any, mask: Tensor | None
) -> list[Tensor | None]:
    """Return the gradients of a loss that is a mean over the rows."""
    y = module(given, **bench.options(mask))
    if mask is not None and not bench.case.reduces:
        y = y[mask]
    y = y.values if isinstance(y, SetBatch) else y
    y.float().square().mean().backward()
    gradients = [weight.grad for weight in module.parameters()]
    module.zero_grad()  # here, where parameters are sharded again
    return gradients


def _filled(bench: SetBench, gradients: list[Tensor | None]) -> list[Tensor]:
    pairs = zip(bench.module.parameters(), gradients, strict=True)
    return [torch.zeros_like(w) if grad is None else grad.clone() for w, grad in pairs]


def _train(rank: int, bench: SetBench) -> list[list[Tensor]]:
    """Return gradients in eval mode in every layout, and train for some steps on dense sets."""
    shared = nn.parallel.DistributedDataParallel(bench.module)
    chosen = _chosen(bench, rank)
    actual = [_filled(bench, _gradients(bench, shared, *given)) for given in chosen]
    shared.train()
    with randomness(bench.trial.seed + rank):
        for given in _batches(bench, rank)[:_STEPS]:
            _gradients(bench, shared, *given)
    return actual


def _chosen(bench: SetBench, rank: int) -> list[tuple[Any, Tensor | None]]:
    """Return the sets of a process, once in each layout."""
    return _batches(bench, rank)[_STEPS - 1 :]


def _expected(bench: SetBench) -> list[list[Tensor]]:
    """Return the mean of the gradients that each process has for itself, in every layout."""
    alone = []
    for rank in range(_RANKS):
        chosen = _chosen(bench, rank)
        alone.append([_filled(bench, _gradients(bench, bench.module, *one)) for one in chosen])
    layouts = zip(*alone, strict=True)
    return [[torch.stack(each).mean(0) for each in zip(*one, strict=True)] for one in layouts]


@law(
    "EQD13-distributed",
    "Two processes (DistributedDataParallel, gloo) train a module, with no unused parameter in any "
    "step, and their gradients, in every layout, are those of one process with the sets of both.",
    breaks="a branch that is left out of some steps: the other process waits for its gradients",
    cases=trained,
    once=True,
    after=("EQV03-every-weight-learns", "EQV04-finite-gradients"),
    slow=_SLOW,
)
def distributed(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 1, torch.float32)
    if next(bench.module.parameters(), None) is None:
        return  # DistributedDataParallel refuses modules without parameters
    expected = _expected(bench)
    results = in_processes(trial, case.label, _RANKS, lambda rank: _train(rank, bench))
    for rank, actual in enumerate(results):
        for values, rights in zip(actual, expected, strict=True):
            for value, right in zip(values, rights, strict=True):
                bench.compare(value, right, rounding(torch.float32), f"gradients of process {rank}")


def _shard(rank: int, bench: SetBench) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Return outputs and gathered gradients, sharded in float32 and with parameters in bfloat16."""
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (_RANKS,))
    narrow = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    results = []
    for policy in (MixedPrecisionPolicy(), narrow):
        module = copy.deepcopy(bench.module)
        inner = [part for part in module.modules() if isinstance(part, classes_of_modules())]
        for part in [*reversed(inner), module]:
            if next(part.parameters(), None) is not None and not isinstance(part, FSDPModule):
                fully_shard(part, mesh=mesh, mp_policy=policy)
        outputs, gradients = [], list[Tensor]()
        for given, mask in _chosen(bench, rank):
            with torch.no_grad():
                y = module(given, **bench.options(mask))
            outputs.append((y.values if isinstance(y, SetBatch) else y).float())
            several: list[Any] = [*_gradients(bench, module, given, mask)]  # DTensors
            gradients += _filled(bench, [None if g is None else g.full_tensor() for g in several])
        results.append((outputs, gradients))
    return results


@law(
    "EQD17-sharded",
    "Two processes that hold a shard of each parameter (FSDP2) give, in every layout, the numbers "
    "and gradients of one process, and roughly these with parameters in bfloat16.",
    breaks="a parameter that is multiplied by a buffer: mixed precision casts the former alone",
    cases=sharded_modules,
    once=True,
    after=("EQD13-distributed", "EQD11-autocast", "EQN03-bfloat16-runs"),
    slow=_SLOW,
)
def sharded(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 1, torch.float32)
    if next(bench.module.parameters(), None) is None:
        return
    expected = [grad for layout in _expected(bench) for grad in layout]
    steady = not case.selects or away_from_ties(
        bench.module, lambda: _row(_expected(bench)), torch.bfloat16, trial.seed
    )
    results = in_processes(trial, case.label, _RANKS, lambda rank: _shard(rank, bench))
    for rank, both in enumerate(results):
        for dtype, (outputs, gradients) in zip((torch.float32, torch.bfloat16), both, strict=True):
            budget, what = rounding(dtype), f"parameters in {dtype}, process {rank}"
            for y, (given, mask) in zip(outputs, _chosen(bench, rank), strict=True):
                alone = bench.call(given, mask)
                alone = alone.values if isinstance(alone, SetBatch) else alone
                bench.compare(y, alone, budget, f"{what}, numbers")
            if dtype == torch.bfloat16 and not steady:
                continue
            joined = [torch.cat([g.flatten() for g in some]) for some in (gradients, expected)]
            bench.compare(joined[0], joined[1], budget, f"{what}, gradients")


def _row(gradients: list[list[Tensor]]) -> Tensor:
    return torch.cat([grad.flatten() for layout in gradients for grad in layout])


LAWS: tuple[Law, ...] = (distributed, sharded)
"""The laws of the family about training by several processes."""
