"""What an export has written: inputs, outputs, free axes, and the measured difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ExportReport"]

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class ExportReport:
    """A file that another runtime reads.

    Attributes:
        path: of the file.
        target: ``"onnx"``, ``"torch"`` or ``"aot"``.
        layout: ``"dense"``, ``"padded"`` or ``"ragged"``.
        inputs: names and shapes, in order; a name stands for a free axis.
        outputs: names and shapes.
        error: largest relative difference from the model, for sets of several sizes, in the
            runtime of the target; ``None`` where that runtime is not installed or not tried.
    """

    path: str
    target: str
    layout: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    error: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        measured = "not tried" if self.error is None else f"{self.error:.1e}"
        lines = [f"{self.path}: {self.target}, {self.layout} sets, relative error {measured}"]
        for title, rows in (("input", self.inputs), ("output", self.outputs)):
            lines += [f"  {title:<6} {name} ({_text(shape)})" for name, shape in rows.items()]
        return "\n".join(lines)


def _text(shape: Shape) -> str:
    return ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
