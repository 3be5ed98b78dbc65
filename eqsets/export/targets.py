"""Write an exported program to a file of a runtime, and run such files."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from eqsets.errors import ExportError
from eqsets.export.trace import quiet, reason
from eqsets.optional import require

__all__ = ["TARGETS", "Runner", "Target", "renamed"]

Runner = Callable[[Sequence[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes:
        suffix: that its name should have.
        write: write a program; takes the program, the path, names of inputs and outputs, and names
            of symbols.
        load: return what runs the file, or ``None`` where its runtime is not installed.
    """

    suffix: str
    write: Callable[[Any, Path, Sequence[str], Sequence[str], Mapping[str, str]], None]
    load: Callable[[Path], Runner | None]

    def written(
        self,
        model: nn.Module,
        program: Any,
        path: Path,
        names: tuple[Sequence[str], Sequence[str], Mapping[str, str]],
    ) -> None:
        """Write a program.

        Raises:
            ExportError: an operation does not exist in the target; the module is named.
            OptionError: a package is missing.
        """
        try:
            with quiet():
                self.write(program, path, *names)
        except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            node = _node_of(error)
            where = type(model).__name__ if node is None else _module_of(model, node)
            operation = "" if node is None else f" the operation {node.target}"
            last = list(_chain(error))[-1]
            raise ExportError(
                f"{type(model).__name__} cannot be written to {path}: {where} needs{operation}, "
                f"which raised {reason(last)}. Expected operations that the target has. Replace "
                "that module, or choose another target."
            ) from error


def _write_onnx(
    program: Any,
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    symbols: Mapping[str, str],
) -> None:
    for module in ("onnx", "onnxscript"):
        require(module, "onnx", needed_by="eqsets.export", install="eqsets[onnx]")
    model = torch.onnx.export(
        program, dynamo=True, verbose=False, input_names=list(inputs), output_names=list(outputs)
    )
    if model is None:
        raise AssertionError("the exporter of dynamo returns a program")
    values = [*model.model.graph.inputs]
    for node in model.model.graph.all_nodes():
        values += node.outputs
    for value in values:
        shape = value.shape
        for axis, size in enumerate(() if shape is None else shape):
            if shape is not None and not isinstance(size, int) and size.value is not None:
                shape[axis] = renamed(str(size.value), symbols)
    model.save(str(path))


def _load_onnx(path: Path) -> Runner | None:
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options)
    names = [one.name for one in session.get_inputs()]

    def run(tensors: Sequence[Tensor]) -> list[Tensor]:
        arrays = {name: x.cpu().numpy() for name, x in zip(names, tensors, strict=True)}
        return [torch.from_numpy(y) for y in session.run(None, arrays)]

    return run


def _write_torch(program: Any, path: Path, *_: object) -> None:
    torch.export.save(program, path)


def _load_torch(path: Path) -> Runner:
    module = torch.export.load(path).module()
    return lambda tensors: list(module(*tensors))


def _write_aot(program: Any, path: Path, *_: object) -> None:
    import torch._inductor

    torch._inductor.aoti_compile_and_package(program, package_path=str(path))


def _load_aot(path: Path) -> Runner:
    import torch._inductor

    module = torch._inductor.aoti_load_package(str(path))
    return lambda tensors: list(module(*tensors))


TARGETS: Mapping[str, Target] = {
    "onnx": Target(".onnx", _write_onnx, _load_onnx),
    "torch": Target(".pt2", _write_torch, _load_torch),
    "aot": Target(".pt2", _write_aot, _load_aot),
}
"""The targets by name."""


def renamed(expression: str, symbols: Mapping[str, str]) -> str:
    """Return an expression of sizes with names for the symbols of torch."""
    return re.sub(r"\w+", lambda match: symbols.get(match[0], match[0]), expression)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _node_of(error: BaseException) -> fx.Node | None:
    """Return the operation that was translated when an error was raised, the innermost one."""
    innermost = None
    for one in _chain(error):
        traceback = one.__traceback__
        while traceback is not None:
            for value in traceback.tb_frame.f_locals.values():
                if isinstance(value, fx.Node) and value.op == "call_function":
                    innermost = value
            traceback = traceback.tb_next
    return innermost


def _module_of(model: nn.Module, node: fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path = str(list(stack.values())[-1][0]).removeprefix("module").lstrip(".") if stack else ""
    parts = dict(model.named_modules())
    if path not in parts:
        return type(model).__name__
    return f"{path!r} ({type(parts[path]).__name__})" if path else type(model).__name__
