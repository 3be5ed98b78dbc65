"""Trace a module for sets of any size, and name the module that does not allow it.

``torch.export`` accepts code that compares a size with a number: it fixes the size, or notes that
the program holds for such sizes only. So after each module the conditions that it has added are
tried on other sizes. The first module with a condition that does not hold there is the cause.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import TracebackType
from typing import Any

import torch
from torch import nn

from eqsets.errors import ExportError
from eqsets.export.layouts import Example, SetFunction

__all__ = ["path_of", "quiet", "reason", "traced"]


def traced(function: SetFunction, example: Example, others: Sequence[Example]) -> Any:
    """Return the exported program of ``function``, for inputs of the sizes of ``others``, too.

    Raises:
        ExportError: it cannot be traced, or only for some sizes.
    """
    model = function.module
    shapes = tuple(
        {
            axis: torch.export.Dim.DYNAMIC if axis < len(free or ()) else torch.export.Dim.AUTO
            for axis in range(tensor.dim() if free is None else len(free))
        }
        for tensor, free in zip(example.tensors, example.free, strict=True)
    )
    conditions = _Conditions(function, example, others)
    try:
        with quiet(), conditions.checking(), torch.no_grad():
            program = torch.export.export(
                function, example.tensors, dynamic_shapes=(shapes,), strict=False
            )
    except Exception as error:  # torch raises many classes, of its own modules
        if conditions.cause is not None:
            raise ExportError(_fixed(model, *conditions.cause)) from error
        where = path_of(model, error.__traceback__)
        raise ExportError(
            f"{type(model).__name__} cannot be traced: {where} raised {reason(error)}. Expected "
            "operations on tensors alone, whatever their values. Replace that module, or take it "
            "out of the network and apply it outside."
        ) from error
    if conditions.cause is not None:
        raise ExportError(_fixed(model, *conditions.cause))
    return program


def _fixed(model: nn.Module, where: str, condition: str) -> str:
    return (
        f"{type(model).__name__} cannot be exported for sets of any size: {where} needs "
        f"{condition}. Expected code that holds for every number of sets and elements. Replace "
        "that module; a number in the structure, such as the number of graphs, is fixed as well."
    )


class _Conditions:
    """Conditions on the sizes, as modules add them while they are traced.

    Attributes:
        cause: path of the first module whose conditions other sizes do not meet, and the
            condition.
    """

    def __init__(self, function: SetFunction, example: Example, others: Sequence[Example]) -> None:
        self.function, self.example, self.others = function, example, others
        self.cause: tuple[str, str] | None = None
        self.sizes: list[tuple[str, Any, list[int]]] = []
        self.known = 0
        self.paths = {part: name for name, part in function.module.named_modules()}

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Check the conditions after each module."""
        handles = [self.function.register_forward_pre_hook(self._start)]
        handles += [part.register_forward_hook(self._check) for part in self.paths]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _start(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self.sizes, self.known = [], 0
        for position, tensor in enumerate(args):
            for axis, size in enumerate(tensor.shape):
                if isinstance(size, torch.SymInt):
                    tried = [other.tensors[position].shape[axis] for other in self.others]
                    self.sizes.append((self.example.axis_name(position, axis), size.node, tried))

    def _check(self, module: nn.Module, args: Any, output: Any) -> None:
        if self.cause is not None or not self.sizes:
            return
        environment = self.sizes[0][1].shape_env
        new, self.known = environment.guards[self.known :], len(environment.guards)
        for guard in new:
            for number in range(len(self.others)):
                values = {node._expr: tried[number] for _, node, tried in self.sizes}
                if guard.expr.xreplace(values) == False:  # noqa: E712  # sympy's own False
                    self.cause = (self._name(module), self._readable(guard.expr))
                    return

    def _name(self, module: nn.Module) -> str:
        path = self.paths[module]
        return f"{path!r} ({type(module).__name__})" if path else type(module).__name__

    def _readable(self, condition: Any) -> str:
        names = {str(node._expr): name for name, node, _ in self.sizes}
        return re.sub(r"\w+", lambda match: names.get(match[0], match[0]), str(condition))


def path_of(model: nn.Module, traceback: TracebackType | None) -> str:
    """Return the innermost module of ``model`` that an error passed through, by its path."""
    paths = {part: name for name, part in model.named_modules()}
    innermost = type(model).__name__
    while traceback is not None:
        owner = traceback.tb_frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and paths.get(owner):
            innermost = f"{paths[owner]!r} ({type(owner).__name__})"
        traceback = traceback.tb_next
    return innermost


def reason(error: BaseException) -> str:
    """Return the class of an error and the first line of its message."""
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0].rstrip('.') if first else 'without a message'}"


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what the compilers of torch log and print about code that they do not take."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    nowhere = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(nowhere), redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
