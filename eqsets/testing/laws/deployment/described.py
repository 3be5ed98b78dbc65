"""Types and modules can be written down as plain data, and built again from it.

What comes from no registered name has nothing to be written down as: there the laws are skipped.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import torch

from eqsets.description import from_dict, load, save, to_dict
from eqsets.features import InvariantFeatures
from eqsets.registry._references import Failure, attempt
from eqsets.testing.bench import SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.deployment.copies import principal
from eqsets.testing.laws.symmetry.actions import types
from eqsets.testing.spec import ContractSpec, SetCase, TypeCase
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]


def _known(described: Any) -> bool:
    """Return whether all parts have names: of classes that no plugin registers, none is claimed."""
    return described is not None and not isinstance(attempt(lambda: to_dict(described)), Failure)


def described_types(subject: ContractSpec) -> Sequence[TypeCase] | str:
    """Return the types whose symmetry has a name or generators."""
    chosen = [
        case
        for case in types(subject)
        if isinstance(case.type, InvariantFeatures) or _known(case.type.owner)
    ]
    return (
        chosen
        if chosen or not subject.types
        else "no type declares which named symmetry it belongs to"
    )


def described_modules(subject: ContractSpec) -> Sequence[SetCase] | str:
    """Return the principal modules, where the first is one of eqsets with a known symmetry."""
    cases = principal(subject)
    if isinstance(cases, str) or not cases:
        return cases
    with randomness(0):
        module = attempt(cases[0].build)  # building each of them only to inspect it would take long
    return cases if _known(module) else "no module of eqsets with a named symmetry"


@law(
    "EQA11-plain-description",
    "A feature type that is written down as plain data (JSON) and read again is equal.",
    breaks="a `str()` that `feature_type` does not understand, an `owner` with other options",
    cases=described_types,
    once=True,
    after=("EQA07-value",),
)
def plain_type(case: TypeCase, trial: Trial) -> None:
    text = json.dumps(to_dict(case.type), allow_nan=False)
    actual = from_dict(json.loads(text))
    trial.expect(actual == case.type, f"{case.type!r} is {actual!r} after {text}")
    trial.expect(str(actual) == str(case.type), f"{case.type} is shown as {actual} after {text}")


@law(
    "EQD12-plain-description",
    "A module that is written down as plain data (JSON) and built again has the same `repr` and "
    "`state_dict` keys; saved to a file and loaded it gives the same numbers.",
    breaks="a symmetry that does not keep its options, a layer that was exchanged by hand",
    cases=described_modules,
    once=True,
    after=("EQA11-plain-description", "EQD02-state-dict-round-trip", "EQD03-weights-only"),
)
def plain_module(case: SetCase, trial: Trial) -> None:
    bench, file = SetBench(trial, case, 3, torch.float32), io.BytesIO()
    if not _known(bench.module):
        return
    expected, shown = bench.run(bench.x), repr(bench.module)
    with randomness(trial.seed):  # new modules draw weights
        save(bench.module, file)  # makes it again from its description, and compares the keys
        file.seek(0)
        bench.module = load(file).eval()
    trial.expect(
        repr(bench.module) == shown, f"{case.label}: {shown} comes back as {bench.module!r}"
    )
    bench.compare(bench.run(bench.x), expected, 0.0, "after saving and loading")


LAWS: tuple[Law, ...] = (plain_type, plain_module)
"""The laws about plain descriptions: of a type (family A), of a module (family D)."""
