"""What was measured, as rows: to the screen, to a page, and to JSON.

The JSON keeps the rows of each section with the machine that measured them; a run that measures
some sections again keeps the others.
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
    """One measured number with its spread, and the goal it is held to, if any.

    Attributes:
        what: what was compared or counted.
        setting: sizes and options.
        value: the median; ``low`` and ``high`` are the quartiles.
        cpu: the same by CPU time, where it is a ratio of times or a speed.
        foreign: share of the machine that other programs took meanwhile.
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
        """Whether the goal is met, ``None`` without one."""
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
    """Rows that one run measured, and on what."""

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


_INTRODUCTION = """Written by `make bench`. Ratios of times are measured side by side in one
process, the alternatives taking turns; the median and the quartiles of the paired ratios are given,
and the same ratio by CPU time. *others* is the share of the machine that other programs took
meanwhile: above a few per cent, a line measures them too. *Floor*: the element layer alone times
(1 + 1/n), which the second map of a DSS layer, run once a set, costs in any implementation. Forward
and backward, float32."""


def machine() -> str:
    """Return what measures, in a sentence."""
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} CPUs"
    return f"{versions}, {threads}, load {os.getloadavg()[0]:.1f}."


def read(folder: Path) -> dict[str, Section]:
    """Return the sections that :func:`write` wrote, none without a file."""
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
    """Write ``results.md`` and ``results.json``; sections that are not measured anew are kept."""
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
