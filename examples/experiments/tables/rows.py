"""Result rows, and the JSON file that stores them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Row", "read_results", "write_json", "write_results"]


@dataclass(frozen=True)
class Row:
    """One trained model.

    Arguments:
        setting: of the experiment, such as the number of training sets.
        model: name.
        seed: of the weights, the training sets and their order.
        figure: the measure on the test sets, named in the file.
        parameters: number of trained parameters.
        cpu_seconds: of training, on one core.
        learning_rate: selected on the validation sets.
        steps: of the optimiser.
        equivariance_error: of the trained model, relative, in float32.
        also: further measures on the test sets, by name.
    """

    setting: str
    model: str
    seed: int
    figure: float
    parameters: int
    cpu_seconds: float
    learning_rate: float
    steps: int
    equivariance_error: float
    also: dict[str, float] = field(default_factory=dict)


def write_json(path: Path, content: Any) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)


def write_results(path: Path, about: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write rows with their metadata (title, name of the measure, size, ...)."""
    write_json(path, {**about, "rows": [asdict(row) for row in rows]})


def read_results(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """Read a file of :func:`write_results`."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = [Row(**row) for row in content.pop("rows")]
    return content, rows
