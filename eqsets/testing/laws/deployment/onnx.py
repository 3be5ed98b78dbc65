"""D: a module can be written to an ONNX file that another runtime reads, for sets of any size."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from eqsets.export import export
from eqsets.testing.bench import SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.laws.deployment.compiled import first, fresh_compiler
from eqsets.testing.spec import ContractSpec, SetCase
from eqsets.testing.tolerance import rounding
from eqsets.testing.trial import Trial

__all__ = ["LAWS"]

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def written(subject: ContractSpec) -> Sequence[SetCase] | str:
    """Return the first principal set module, where ONNX is installed and the module claims it."""
    chosen = first(subject)
    if isinstance(chosen, str) or not chosen:
        return chosen
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed: pip install {' '.join(_PACKAGES)}"
    return chosen if chosen[0].capabilities.onnx else "a model in ONNX is not claimed"


@law(
    "EQD18-onnx",
    "Written to ONNX (eqsets.export) with free sizes of batch and set, in every layout, with its "
    "structure as an input, a module gives the same numbers in onnxruntime.",
    breaks="an operator that ONNX does not have, a size that the file fixes",
    cases=written,
    once=True,
    after=("EQD10-exports", "EQD08-compiles-whole"),
    slow="writing and reading the file takes many seconds; it runs in the profile 'default'",
)
def onnx(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, 3, torch.float32)
    structure = bench.options().get("structure")
    for layout, _, _ in bench.layouts(bench.x):
        with TemporaryDirectory() as folder, fresh_compiler():
            file = Path(folder) / "module.onnx"
            report = export(
                bench.module, file, layout=layout, in_type=case.in_type, structure=structure
            )
        error = 1.0 if report.error is None else report.error
        trial.expect(
            error <= rounding(torch.float32),
            f"{case.label} in ONNX differs by {error:.1e}, {layout} sets",
        )


LAWS: tuple[Law, ...] = (onnx,)
"""The laws of the family about ONNX."""
