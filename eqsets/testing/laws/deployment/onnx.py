"""D: a module can be written to an ONNX file that another runtime reads, for sets of any size."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.sets import SetBatch
from eqsets.testing.bench import BATCH, SetBench
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


class _Layout(nn.Module):
    """The module as a function of tensors, in one layout; the structure, if any, is a constant."""

    def __init__(self, bench: SetBench, layout: str) -> None:
        super().__init__()
        self.module, self.layout, self.options = bench.module, layout, bench.options()

    def forward(self, x: Tensor, side: Tensor | None = None, sets: Tensor | None = None) -> Tensor:
        """Map sets, sets and a mask, or rows, their index and one number for each set."""
        if self.layout == "ragged" and side is not None and sets is not None:
            y: Any = self.module(SetBatch(x, side, sets.shape[0]), **self.options)
        elif self.layout == "padded":
            y = self.module(x, mask=side, **self.options)
        else:
            y = self.module(x, **self.options)
        result: Tensor = y.values if isinstance(y, SetBatch) else y
        return result


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from logging which further packages it would know."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _inputs(bench: SetBench, layout: str, *sizes: int) -> tuple[Tensor, ...]:
    if layout == "dense":
        return (bench.sets(BATCH, sizes[0]),)
    batch = SetBatch.from_list([bench.sets(1, n, shift)[0] for shift, n in enumerate(sizes)])
    if layout == "padded":
        return batch.to_padded()
    order = torch.randperm(len(batch.index), generator=bench.trial.generator())
    return batch.values[order], batch.index[order], torch.zeros(len(sizes))


@law(
    "EQD18-onnx",
    "Written to ONNX (torch.onnx.export with dynamo) with free sizes of batch and set, in every "
    "layout, a module gives the same numbers in onnxruntime.",
    breaks="an operator that ONNX does not have, a size that the file fixes",
    cases=written,
    once=True,
    after=("EQD10-exports", "EQD08-compiles-whole"),
    slow="writing and reading the file takes many seconds; it runs in the profile 'default'",
)
def onnx(case: SetCase, trial: Trial) -> None:
    import onnxruntime

    bench = SetBench(trial, case, 3, torch.float32)
    for layout, _, _ in bench.layouts(bench.x):
        function = _Layout(bench, layout)
        given = _inputs(bench, layout, 2, 4)
        free = {0: torch.export.Dim.DYNAMIC}
        both = free if layout == "ragged" else {**free, 1: torch.export.Dim.DYNAMIC}
        shapes = tuple(both for _ in given)
        with fresh_compiler(), _quiet():
            program = torch.onnx.export(
                function, given, dynamo=True, dynamic_shapes=shapes, verbose=False
            )
        if program is None:
            raise AssertionError("the exporter of dynamo returns a program")
        session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
        names = [entry.name for entry in session.get_inputs()]
        for sizes in ((2, 4), (3, 1, 6)):
            tensors = _inputs(bench, layout, *sizes)
            arrays = {name: t.numpy() for name, t in zip(names, tensors, strict=True)}
            (y,) = session.run(None, arrays)
            with torch.no_grad():
                expected = function(*tensors)
            bench.compare(torch.from_numpy(y), expected, rounding(torch.float32), f"ONNX, {layout}")


LAWS: tuple[Law, ...] = (onnx,)
"""The laws of the family about ONNX."""
