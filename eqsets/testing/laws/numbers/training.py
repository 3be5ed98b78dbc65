"""Numbers while training: equal to those after it where nothing is random, and in every layout."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eqsets.sets import SetBatch
from eqsets.testing import strategies
from eqsets.testing.bench import RowBench, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.rows import role
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import RowCase, SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_BUDGET = rounding(torch.float64)
_SIZES = (1, 3, 2)
_ELEMENTS = 192  # copies of an element whose channels are dropped
_RATE = 0.25


@law(
    "EQV10-training-is-evaluation",
    "Where nothing is random and no statistics are taken, a module gives the same numbers while "
    "training and after.",
    breaks="a filter that is cached in `eval()`, a factor that is applied in one mode only",
    cases=set_modules(
        lambda case: not (case.random or case.statistics),
        "every module is random, or takes statistics, while training",
    ),
    after=("EQS06-single-element",),
)
def training_is_evaluation(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(1)))
    for _, given, mask in bench.layouts(bench.x):
        results = []
        for training in (True, False):
            bench.module.train(training)
            y = bench.call(given, mask)
            results.append(y.values if isinstance(y, SetBatch) else y)
        bench.compare(results[0], results[1], _BUDGET, "while training and after")
    weight = next(bench.module.parameters(), None)
    if weight is not None:
        with torch.no_grad():
            weight.mul_(1.5)
        after = bench.run(bench.x)
        bench.module.train()
        bench.compare(after, bench.run(bench.x), _BUDGET, "after a change of a weight")


@law(
    "EQS13-layouts-in-training",
    "While training, padded and ragged batches of sets of unequal sizes give the same outputs, "
    "gradients and running statistics.",
    breaks="statistics that count padded rows, or weigh sets instead of elements",
    cases=set_modules(
        lambda case: case.capabilities.padded and case.capabilities.ragged and not case.random,
        "no module takes a mask and a SetBatch, or all are random while training",
    ),
    after=("EQS01-dense-is-padded", "EQS02-dense-is-ragged", "EQS04-padding-never-leaks"),
)
def layouts_in_training(case: SetCase, trial: Trial) -> None:
    results = []
    for padded in (False, True):
        bench = SetBench(trial, case, max(_SIZES))
        batch = SetBatch.from_list(
            [bench.sets(1, size, shift)[0] for shift, size in enumerate(_SIZES)]
        )
        bench.module.train()
        mask = batch.to_padded()[1]
        y = bench.call(batch.to_padded()[0] + ~_like(mask, bench.x), mask) if padded else None
        y = bench.call(batch) if y is None else y if case.reduces else y[mask]
        y = y.values if isinstance(y, SetBatch) else y
        weights = torch.randn(y.shape, generator=trial.generator(), dtype=y.dtype)
        parameters = list(bench.module.parameters())
        gradients: Sequence[Tensor] = ()
        if parameters and y.requires_grad:
            gradients = torch.autograd.grad((weights * y).sum(), parameters, materialize_grads=True)
        results.append(
            [
                y,
                torch.cat([y.new_zeros(0), *(g.flatten() for g in gradients)]),
                *(one.double().clone() for one in bench.module.buffers()),
            ]
        )
    for ragged, padded_one in zip(*results, strict=True):
        bench.compare(padded_one, ragged, 16 * _BUDGET, "padded and ragged while training")


def _like(mask: Tensor, x: Tensor) -> Tensor:
    return mask.reshape(*mask.shape, *[1] * (x.dim() - 2))


@law(
    "EQL09-dropout-distribution",
    "Dropout keeps the mean: values are dropped at the rate that is asked for and scaled by "
    "1/(1 - rate), for each element and channel by itself, different for each seed.",
    breaks="one mask for all elements or channels, a scale that is left out, a rate not used",
    cases=role("dropout"),
    once=True,
    after=("EQL07-dropout",),
)
def dropout_distribution(case: RowCase, trial: Trial) -> None:
    module = trial.build(lambda: case.symmetry.dropout(case.in_type, _RATE)).double().train()
    one = case.in_type.sample(1, generator=trial.generator(), dtype=torch.float64)
    x = one.expand(_ELEMENTS, *one.shape[1:]).clone()
    draws = []
    for seed in (trial.seed, trial.seed, trial.seed + 1):
        with randomness(seed):
            draws.append(module(x.clone()))
    trial.expect(torch.equal(draws[0], draws[1]), f"{case.label}: one seed gives two masks")
    trial.expect(not torch.equal(draws[0], draws[2]), f"{case.label}: two seeds give one mask")
    seen = x.abs() > 1e-6
    ratio = torch.where(seen, draws[0] / torch.where(seen, x, 1.0), 0.0)
    stored = ratio[seen & (ratio.abs() > 1e-9)]
    trial.compare(
        stored, torch.full_like(stored, 1 / (1 - _RATE)), 1e-9, f"{case.label}: the scale"
    )
    rate = 1 - float((ratio.abs() > 1e-9).sum() / seen.sum())
    trial.note(rate=f"{rate:.2f}")
    trial.expect(abs(rate - _RATE) < 0.15, f"{case.label}: drops {rate:.2f}, not {_RATE}")
    same = (draws[0] == draws[0][:1]).flatten(1).all(1).double().mean()
    trial.expect(float(same) < 0.95, f"{case.label}: one mask for all elements")
    if case.in_type.channel_axis is not None and case.in_type.channels > 1:
        dropped = (ratio.abs() <= 1e-9) & seen
        partly = dropped.flatten(1).any(1) & (seen & ~dropped).flatten(1).any(1)
        trial.expect(bool(partly.any()), f"{case.label}: one mask for all channels")


@law(
    "EQL13-norm-normalises",
    "A norm does not depend on the scale of its input, 'element' treats each element by itself, "
    "and the running statistics of 'batch' become those of the elements it was trained on.",
    breaks="a variance without its root, statistics that are never updated, a kind that is ignored",
    cases=role("norm"),
    once=True,
    after=("EQL05-norm",),
)
def norm_normalises(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    x = case.in_type.sample(16, generator=trial.generator(), dtype=torch.float64)
    bench.module.train()
    y = bench.run(x)
    trial.compare(bench.run(16 * x), y, 1e-2, f"{case.label}: 16 times the input")
    size = float(y.detach().square().mean().sqrt())
    trial.expect(0.2 < size < 5, f"{case.label}: values of size {size:.1e}")
    if next(bench.module.buffers(), None) is None or case.options.get("kind") != "batch":
        alone = torch.cat([bench.run(one[None]) for one in x])
        trial.compare(alone, y, _BUDGET, f"{case.label}: an element by itself")
        bench.module.eval()
        trial.compare(bench.run(x), y, _BUDGET, f"{case.label}: in eval()")
        return
    for _ in range(150):
        bench.run(2 * x + 1)
    y = bench.run(2 * x + 1)
    bench.module.eval()
    trial.compare(bench.run(2 * x + 1), y, 0.05, f"{case.label}: running statistics")


LAWS: tuple[Law, ...] = (
    training_is_evaluation,
    layouts_in_training,
    dropout_distribution,
    norm_normalises,
)
"""The laws about training, of several families."""
