"""One call that writes a set network for another runtime: :func:`export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.equivariance import evaluating, relative_error
from eqsets.errors import EqsetsError, ExportError, OptionError, choices
from eqsets.export.layouts import (
    LAYOUTS,
    Example,
    SetFunction,
    axes,
    example_sets,
    names,
    refuse_objects,
    split_structure,
)
from eqsets.export.report import ExportReport, Shape
from eqsets.export.targets import TARGETS, Runner, renamed
from eqsets.export.trace import reason, traced
from eqsets.features import FeatureType

__all__ = ["export"]

_BUDGETS = {torch.float64: 1e-6, torch.float32: 1e-3}  # others: half precision
_HALF = 5e-2


def export(
    model: nn.Module,
    file: str | PathLike[str],
    *,
    target: str = "onnx",
    layout: str = "dense",
    in_type: FeatureType | None = None,
    element_sizes: Sequence[int] | None = None,
    structure: Any = None,
    verify: bool = True,
    **options: Any,
) -> ExportReport:
    """Write a set network to a file for another runtime, for any number and size of sets.

    The network is written in eval mode, without gradients. Inputs are tensors:

    - ``layout="dense"``: ``x (B, N, *element)``;
    - ``layout="padded"``: ``x`` and ``mask (B, N)`` bool, True = present;
    - ``layout="ragged"``: ``values (R, *element)``, the elements of all sets one after another, and
      ``counts (B,)`` int64, the size of each set, at least 1, with sum ``R``;

    and the tensors of ``structure`` behind them. Values of masks, counts and edges are not checked
    by the file.

    Arguments:
        model: a set network with ``in_type``, or any module that is called as one.
        file: path to write to.
        target: ``"onnx"`` (needs ``onnx`` and ``onnxscript``), ``"torch"``: a ``torch.export``
            program, or ``"aot"``: compiled by AOTInductor (needs a C++ compiler) for the device
            of the weights.
        layout: how sets are given.
        in_type: type of an element; that of the model unless given.
        element_sizes: sizes of the axes that the type leaves open, such as ``(64, 64)``; they are
            fixed in the file.
        structure: side information, an example or a function that returns one for the sets that
            it is given (``x``, or the rows of a ragged batch). Its tensors become inputs, whose
            axes are free where torch can infer it.
        verify: whether to run the file on sets of several sizes and compare.
        options: further arguments of ``model``, such as ``return_weights=True``: constants.

    Returns:
        Names and shapes of inputs and outputs, and the measured difference.

    Raises:
        ExportError: a module cannot be exported; its path and the reason are named. Or the file
            gives other numbers than the model.
        OptionError: an argument is unknown or missing, or a package is not installed.

    Example:
        >>> import tempfile, pathlib
        >>> from eqsets import SetNetwork, export
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "network.pt2"
        >>> report = export(SetNetwork("trivial", [3, 8], readout=2), file, target="torch")
        >>> dict(report.inputs), dict(report.outputs)
        ({'x': ('batch', 'size', 3)}, {'y': ('batch', 2)})
        >>> torch.export.load(file).module()(torch.randn(5, 7, 3))[0].shape
        torch.Size([5, 2])
    """
    if target not in TARGETS:
        raise OptionError(f"export got target={target!r}: {choices(target, TARGETS)}")
    if layout not in LAYOUTS:
        raise OptionError(f"export got layout={layout!r}: {choices(layout, LAYOUTS)}")
    element = _element_type(model, in_type, element_sizes)
    path = Path(file)
    if not path.parent.is_dir():
        raise OptionError(
            f"export got the file {path}, expected one in a folder that exists. Create "
            f"{path.parent} first."
        )
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    examples = [_example(layout, element, sizes, weight, structure) for sizes in _sizes(element)]
    function = SetFunction(model, layout, examples[0].structure, options)
    with evaluating(model):
        _try(function, examples[0])
        program = traced(function, examples[0], examples[1:2])
        symbols, inputs, outputs = _described(program, examples[0])
        kind = TARGETS[target]
        kind.written(model, program, path, (list(inputs), list(outputs), symbols))
        error = None
        # ONNX is run on numpy arrays, which have no bfloat16
        if verify and (weight.dtype in _BUDGETS or target != "onnx"):
            error = _difference(function, kind.load(path), examples)
    if error is not None and not error <= _BUDGETS.get(weight.dtype, _HALF):
        raise ExportError(
            f"{path} gives other numbers than {type(model).__name__}, by {error:.1e} relative to "
            f"the largest, expected less than {_BUDGETS.get(weight.dtype, _HALF):.0e}. Export "
            "parts of the network to see which one differs."
        )
    return ExportReport(str(path), target, layout, inputs, outputs, error)


def _element_type(
    model: nn.Module, in_type: FeatureType | None, element_sizes: Sequence[int] | None
) -> FeatureType:
    if not isinstance(model, nn.Module):
        raise OptionError(
            f"export got {type(model).__name__}, expected a module. Load a file of eqsets.save by "
            "eqsets.load first."
        )
    in_type = in_type or getattr(model, "in_type", None)
    if not isinstance(in_type, FeatureType):
        raise OptionError(
            f"export got {type(model).__name__} with in_type={in_type!r}, expected the type of an "
            "element of the input. Pass it as in_type."
        )
    return in_type if element_sizes is None else in_type.with_sizes(*element_sizes)


def _sizes(element: FeatureType) -> list[tuple[int, int]]:
    """Return sizes to trace with and to compare on, none of them a size inside the element."""
    taken = set(element.sample(1, 1).shape[2:])
    free = [size for size in (3, 5, 7, 11, 13, 17, 19) if size not in taken]
    return [(free[0], free[1]), (free[1], free[2]), (1, free[0]), (free[0], 1)]


def _example(
    layout: str, element: FeatureType, sizes: tuple[int, int], like: Tensor, structure: Any
) -> Example:
    sets = example_sets(layout, element, sizes, like)
    refuse_objects(structure)  # those of PyG can be called
    side = structure(sets[0]) if callable(structure) else structure
    tensors, parts = split_structure(side)
    free = (*axes(layout), *(None for _ in tensors))
    return Example(names(layout, len(tensors)), (*sets, *tensors), free, parts)


def _try(function: SetFunction, example: Example) -> None:
    """Call the model, whose own errors say best what does not fit."""
    try:
        with torch.no_grad():
            y = function(*example.tensors)
    except TypeError as error:
        if isinstance(error, EqsetsError):
            raise
        raise OptionError(
            f"export called {type(function.module).__name__} on {function.layout} sets with the "
            f"options {sorted(function.options)}, which raised: {error}. Expected a module that is "
            "called as a set network. Choose another layout, or leave the options out."
        ) from error
    if not all(isinstance(one, Tensor) for one in y):
        raise OptionError(
            f"export got {type(function.module).__name__}, which returns "
            f"{[type(one).__name__ for one in y]}, expected tensors or sets. Put a module around "
            "it that returns these."
        )


def _described(
    program: Any, example: Example
) -> tuple[dict[str, str], dict[str, Shape], dict[str, Shape]]:
    """Return names of symbols, and names and shapes of inputs and outputs."""
    nodes = {node.name: node for node in program.graph.nodes}
    given = [nodes[name].meta["val"].shape for name in program.graph_signature.user_inputs]
    symbols: dict[str, str] = {}
    for position, shape in enumerate(given):
        for axis, size in enumerate(shape):
            if not str(size).isdigit():  # a SymInt may be known, too
                symbols.setdefault(str(size), example.axis_name(position, axis))
    inputs = {
        name: _shape(shape, symbols) for name, shape in zip(example.names, given, strict=True)
    }
    results = [nodes[name].meta["val"].shape for name in program.graph_signature.user_outputs]
    titles = ["y", *(f"y_{number}" for number in range(1, len(results)))]
    outputs = {title: _shape(shape, symbols) for title, shape in zip(titles, results, strict=True)}
    return symbols, inputs, outputs


def _shape(shape: Sequence[Any], symbols: Mapping[str, str]) -> Shape:
    return tuple(
        int(str(size)) if str(size).isdigit() else renamed(str(size), symbols) for size in shape
    )


def _difference(
    function: SetFunction, run: Runner | None, examples: Sequence[Example]
) -> float | None:
    """Return the largest relative error over inputs of several sizes."""
    if run is None:
        return None
    errors = [0.0]
    for example in examples:
        with torch.no_grad():
            expected = function(*example.tensors)
        try:
            results = run(example.tensors)
        except Exception as error:  # runtimes have classes of their own
            shapes = ", ".join(str(tuple(x.shape)) for x in example.tensors)
            raise ExportError(
                f"the file fails on inputs {shapes}: {reason(error)}. Expected one for every "
                "number and size of sets. Export parts of the network to see which one it is."
            ) from error
        for actual, reference in zip(results, expected, strict=True):
            errors.append(relative_error(actual.to(reference), reference))
    return max(errors)
