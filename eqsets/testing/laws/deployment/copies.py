"""D: a module can be saved, loaded, copied, sent to another process and moved."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.sets import SetBatch
from eqsets.testing.bench import SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.sets import set_modules
from eqsets.testing.spec import SetCase
from eqsets.testing.ties import away_from_ties
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS", "principal"]

principal = set_modules(lambda case: case.principal)
_N = 3


def _bench(case: SetCase, trial: Trial) -> SetBench:
    return SetBench(trial, case, _N, torch.float32)


def _same(bench: SetBench, other: nn.Module, what: str) -> None:
    expected, original = bench.run(bench.x), bench.module
    bench.module = other.eval()
    bench.compare(bench.run(bench.x), expected, 0.0, what)
    bench.module = original


def _tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


@law(
    "EQD01-state-dict-keys",
    "`state_dict` has the same keys, shapes and dtypes while training and after.",
    breaks="filters that are expanded in `eval()` and dropped in `train()`",
    cases=principal,
    once=True,
)
def state_dict_keys(case: SetCase, trial: Trial) -> None:
    bench = _bench(case, trial)
    described = []
    for training in (True, False, True):
        bench.module.train(training)
        state = _tensors(bench.module.state_dict())
        described.append({name: (value.shape, value.dtype) for name, value in state.items()})
    gone = sorted(set(described[0]) ^ set(described[1]))
    trial.expect(described[0] == described[1], f"{case.label}: {gone} differ in eval()")
    trial.expect(described[0] == described[2], f"{case.label}: eval() and train() changes the keys")


@law(
    "EQD02-state-dict-round-trip",
    "Another module of the same class with the same `state_dict` gives the same numbers.",
    breaks="random constants that are no buffers, or buffers that are not saved",
    cases=principal,
    once=True,
    after=("EQD01-state-dict-keys",),
)
def state_dict_round_trip(case: SetCase, trial: Trial) -> None:
    bench = _bench(case, trial)
    with randomness(trial.seed + 1):
        other = case.build().float().eval()
        for value in _tensors(other.state_dict()).values():
            if value.is_floating_point():
                value.normal_()  # a copy of a given module would already agree
    other.load_state_dict(bench.module.state_dict(), strict=True)
    _same(bench, other, "after load_state_dict")


@law(
    "EQD03-weights-only",
    "A saved `state_dict` loads with `torch.load(weights_only=True)`.",
    breaks="extra state that is an object of a class; it asks users to trust the file",
    cases=principal,
    once=True,
)
def weights_only(case: SetCase, trial: Trial) -> None:
    state, file = _bench(case, trial).module.state_dict(), io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded = _tensors(torch.load(file, weights_only=True))
    for name, value in _tensors(state).items():
        trial.expect(torch.equal(loaded[name], value), f"{case.label}: {name} has changed")


@law(
    "EQD04-pickle",
    "A pickled module gives the same numbers: it can go to another process.",
    breaks="a lambda or an open file stored on the module",
    cases=principal,
    once=True,
)
def pickled(case: SetCase, trial: Trial) -> None:
    bench = _bench(case, trial)
    _same(bench, pickle.loads(pickle.dumps(bench.module)), "after pickling")


@law(
    "EQD05-deepcopy",
    "A deep copy gives the same numbers and shares no parameter with the original.",
    breaks="a `__deepcopy__` that returns the same object",
    cases=principal,
    once=True,
)
def deepcopied(case: SetCase, trial: Trial) -> None:
    bench = _bench(case, trial)
    other, before = copy.deepcopy(bench.module), bench.run(bench.x)
    _same(bench, other, "after deepcopy")
    with torch.no_grad():
        for value in _tensors(other.state_dict()).values():
            value.zero_()
    bench.compare(bench.run(bench.x), before, 0.0, "after its deep copy was set to zero")


@law(
    "EQD06-number-type-moves",
    "`double()` and `float()` move every number, and lead back to the same outputs.",
    breaks="a buffer that only ever widens, a cache of the dtype that was first seen",
    cases=principal,
    once=True,
)
def dtype_moves(case: SetCase, trial: Trial) -> None:
    bench = _bench(case, trial)
    before = bench.run(bench.x)
    bench.to(torch.float64)
    wide = bench.run(bench.x.double())
    bench.to(torch.float32)
    back = bench.run(bench.x)
    trial.expect(wide.dtype == torch.float64, f"{case.label} gives {wide.dtype} after double()")
    trial.expect(back.dtype == torch.float32, f"{case.label} gives {back.dtype} after float()")
    bench.compare(back, before, 0.0, "after double().float()")


@law(
    "EQD07-device-moves",
    "`to(device)` moves everything that the module computes with (tried on torch's meta device).",
    breaks="a tensor stored as a plain attribute: it stays on the CPU; `.item()` in forward",
    cases=set_modules(
        lambda case: case.principal and case.capabilities.moves and case.structure is None,
        "no module claims to move to another device",
    ),
    once=True,
)
def device_moves(case: SetCase, trial: Trial) -> None:
    bench = _bench(case, trial)
    y, module = bench.run(bench.x), bench.module.to("meta")
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    stayed = sorted(name for name, value in state.items() if value.device.type != "meta")
    trial.expect(not stayed, f"{case.label}: {stayed} stay on the CPU")
    moved = module(bench.x.to("meta"))
    trial.expect(
        moved.device.type == "meta" and moved.shape == y.shape,
        f"{case.label} gives {tuple(moved.shape)} on {moved.device} on another device",
    )


@law(
    "EQD11-autocast",
    "Under autocast to bfloat16 a module with float32 weights runs on any layout, and its numbers "
    "and gradients are roughly those without.",
    breaks="joining what autocast has narrowed with what it has not: index_add, in-place addition",
    cases=set_modules(
        lambda case: case.principal and case.capabilities.bfloat16, "bfloat16 is not claimed"
    ),
    once=True,
    after=("EQN03-bfloat16-runs", "EQV04-finite-gradients"),
)
def autocast(case: SetCase, trial: Trial) -> None:
    bench, claims = _bench(case, trial), case.capabilities
    layouts: dict[str, tuple[Any, ...]] = {"dense": (bench.x,)}
    if claims.padded:
        layouts["padded"] = (bench.x, torch.ones(bench.x.shape[:2], dtype=torch.bool))
    if claims.ragged:
        layouts["ragged"] = (SetBatch.from_list(list(bench.x)),)
    budget = rounding(torch.bfloat16)
    for layout, given in layouts.items():
        plain = _learnt(bench, given)
        with torch.autocast("cpu", torch.bfloat16):
            narrow = _learnt(bench, given)
        trial.expect(
            narrow[0].dtype in (torch.bfloat16, torch.float32),
            f"{case.label}: autocast gives {narrow[0].dtype}",
        )
        # The gradient of a norm, where a block has one component, is that of a sign.
        steady = not case.normalizes and (
            not case.selects
            or away_from_ties(
                bench.module, partial(_gradients, bench, given), torch.bfloat16, trial.seed
            )
        )
        for actual, expected, what in zip(narrow, plain, ("numbers", "gradients"), strict=True):
            if what == "numbers" or steady:
                bench.compare(actual, expected, budget, f"{layout}, {what}")


def _learnt(bench: SetBench, given: tuple[Any, ...]) -> tuple[Tensor, Tensor]:
    """Return outputs, and the gradients of all weights in a row."""
    y = bench.call(*given)
    y = y.values if isinstance(y, SetBatch) else y
    weights = list(bench.module.parameters())
    if not weights or not y.requires_grad:
        return y, y.new_zeros(0)
    actual = torch.autograd.grad(y.float().square().sum(), weights, materialize_grads=True)
    return y, torch.cat([grad.flatten() for grad in actual])


def _gradients(bench: SetBench, given: tuple[Any, ...]) -> Tensor:
    return _learnt(bench, given)[1]


LAWS: tuple[Law, ...] = (
    state_dict_keys,
    state_dict_round_trip,
    weights_only,
    pickled,
    deepcopied,
    dtype_moves,
    device_moves,
    autocast,
)
"""The laws of the family about saving and moving, in order."""
