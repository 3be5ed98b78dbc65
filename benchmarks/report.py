"""Measured rows: on the screen, as a page, and as JSON.

The JSON has the rows of each section with a description of the machine; a run of some sections does
not change the others.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import Ratio

__all__ = ["Row", "Section", "machine", "page", "read", "write"]


@dataclass(frozen=True)
class Row:
    """One measured number with its quartiles, and a target, if any.

    Attributes:
        what: name of the measure.
        setting: sizes and options.
        value: the median; ``low`` and ``high`` are the quartiles.
        cpu: the same by CPU time, for ratios of times and speeds.
        foreign: share of the CPUs that other programs used at the same time.
        goal: ``("<=", 1.1)``, or ``None``.
        at: the setting in parts, for tables with several settings across.
    """

    what: str
    setting: str
    value: float
    unit: str = "x"
    low: float | None = None
    high: float | None = None
    cpu: float | None = None
    foreign: float | None = None
    goal: tuple[str, float] | None = None
    at: Mapping[str, str | int] | None = None

    @classmethod
    def of(
        cls,
        what: str,
        setting: str,
        ratio: Ratio,
        goal: tuple[str, float] | None = None,
        at: Mapping[str, str | int] | None = None,
    ) -> Row:
        """Return the row of a paired ratio."""
        spread = (ratio.low, ratio.high, ratio.cpu, ratio.foreign)
        return cls(what, setting, ratio.median, "x", *spread, goal, at)

    @property
    def ok(self) -> bool | None:
        """Whether the target is met, ``None`` without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal[1] if self.goal[0] == "<=" else self.value >= self.goal[1]

    def cells(self) -> list[str]:
        spread = "" if self.low is None else f"{self.low:.2f} to {self.high:.2f}"
        cpu = "" if self.cpu is None else f"{self.cpu:.2f}"
        noise = "" if self.foreign is None else f"{self.foreign:.0%}"
        goal = "" if self.goal is None else f"{self.goal[0]} {self.goal[1]:.2f}"
        verdict = {True: "yes", False: "**no**", None: ""}[self.ok]
        value = f"{self.value:.2f}{'' if self.unit == 'x' else ' ' + self.unit}"
        return [self.what, self.setting, value, spread, cpu, noise, goal, verdict]


@dataclass(frozen=True)
class Section:
    """Rows of one run, and a description of the machine."""

    machine: str
    rows: tuple[Row, ...]


_HEAD = ["what", "setting", "median", "quartiles", "CPU time", "others", "goal", "met"]


def page(sections: Mapping[str, Section]) -> str:
    """Return a Markdown page with all rows."""
    lines = ["# Benchmarks", "", _INTRODUCTION, ""]
    for name, section in sections.items():
        table = [_HEAD, ["---"] * len(_HEAD), *(row.cells() for row in section.rows)]
        lines += [f"## {name}", "", section.machine, ""]
        lines += ["| " + " | ".join(cells) + " |" for cells in table] + [""]
    return "\n".join(lines)


_INTRODUCTION = """Written by `make bench`. Ratios of times are measured in interleaved runs in
one process; the median and the quartiles of the paired ratios are given, and the same ratio by CPU
time. *others* is the share of the CPUs that other programs used at the same time: above a few per
cent it affects the result. *Floor* is a lower bound of the cost: the element layer alone times
(1 + 1/n), since every implementation applies the second map of a DSS layer once per set. Forward
and backward, float32."""


def machine() -> str:
    """Return a description of the machine."""
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} CPUs"
    return f"{versions}, {threads}, load {os.getloadavg()[0]:.1f}."


def read(folder: Path) -> dict[str, Section]:
    """Return the sections of a file of :func:`write`, none without a file."""
    path = folder / "results.json"
    if not path.exists():
        return {}
    return {
        name: Section(one["machine"], tuple(_row(row) for row in one["rows"]))
        for name, one in json.loads(path.read_text()).items()
    }


def _row(plain: Mapping[str, Any]) -> Row:
    fields = {name: value for name, value in plain.items() if name != "ok"}
    fields["goal"] = fields["goal"] and tuple(fields["goal"])
    return Row(**fields)


def write(sections: Mapping[str, Section], folder: Path) -> None:
    """Write ``results.md`` and ``results.json``; other sections do not change."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {**read(folder), **sections}
    (folder / "results.md").write_text(page(known))
    plain = {
        name: {
            "machine": one.machine,
            "rows": [{**asdict(row), "ok": row.ok} for row in one.rows],
        }
        for name, one in known.items()
    }
    (folder / "results.json").write_text(json.dumps(plain, indent=1) + "\n")
