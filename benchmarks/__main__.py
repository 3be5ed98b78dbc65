"""Measure speed and memory: ``python -m benchmarks [--only eager network] [--patience 60]``.

Prints the table as it grows, writes ``benchmarks/results.md`` and ``benchmarks/results.json``, and
fills the page ``docs/cost.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.cost_page import fill
from benchmarks.discovery.steps import steps
from benchmarks.discovery.warps import warps
from benchmarks.layers.around import averages, exports
from benchmarks.layers.cost import cost
from benchmarks.layers.graphs import graphs
from benchmarks.layers.growth import growth
from benchmarks.layers.layers import any_size, compiled, eager, layouts
from benchmarks.layers.network import network
from benchmarks.layers.parts import parts
from benchmarks.layers.plugins import graph_growth, plugins
from benchmarks.report import Row, Section, machine, write
from benchmarks.startup import startup
from benchmarks.timing import Effort

SECTIONS: dict[str, Callable[[Effort], Iterator[Row]]] = {
    "startup": startup,
    "eager": eager,
    "layouts": layouts,
    "network": network,
    "cost": cost,
    "growth": growth,
    "graphs": graphs,
    "graph-growth": graph_growth,
    "plugins": plugins,
    "parts": parts,
    "averages": averages,
    "exports": exports,
    "compiled": compiled,
    "any-size": any_size,
    "warps": warps,
    "steps": steps,
}


def main() -> None:
    """Run the sections that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--seconds", type=float, default=3.0, help="for each comparison")
    parser.add_argument("--patience", type=float, default=0.0, help="seconds to wait for quiet")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.only:
        rows: list[Row] = []
        for row in SECTIONS[name](Effort(args.seconds, args.patience)):
            rows.append(row)
            if not args.json:
                cells = row.cells()
                print(
                    f"{cells[0]:<42} {cells[1]:<44} {'  '.join(filter(None, cells[2:]))}",
                    flush=True,
                )
        if args.json:
            print(json.dumps([{**asdict(row), "ok": row.ok} for row in rows], indent=1))
        write({name: Section(machine(), tuple(rows))}, args.out)
    if "cost" in args.only:
        fill(args.out)


if __name__ == "__main__":
    main()
