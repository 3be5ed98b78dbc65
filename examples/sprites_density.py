"""Is the learned density the true one? Sprites in poses whose distribution is known.

    python examples/sprites_density.py            # three seeds, 109 to 114 CPU seconds each
    python examples/sprites_density.py --quick    # one of them
    python examples/sprites_density.py --smoke    # a few steps, shows only that it runs

Needs: pip install "eqsets[generative,affine]", and matplotlib

Squares, ellipses and hearts of 32 x 32 pixels are placed as the paper places those of dSprites
(experiments/sprite_laws.py); a model learns p(eta | prototype). A sprite was drawn by F, and the
model says how it is made of its prototype, g: so the prototype is the shape moved by C = g^-1 F,
and a sprite drawn by F' has eta(F' C^-1). Turns that look the same are added up. What is left is

    gap = E[log p(F')] - E[log q(eta(F' C^-1) | prototype)]  >=  0,  in nats,

for F' drawn anew; "own" is the same for the image of the prototype itself: were it much lower,
prototypes would tell their pose. Measured: gap 0.08 to 0.10, total variation of
marginals at most 0.07; not shown the prototype 1.1, uniform 3.5.
"""

from __future__ import annotations

import argparse
import time
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqsets.generative import Preset, StagePlan, SymmetryModel
from experiments.plots import draw_bins
from experiments.sprite_laws import (
    LAWS,
    NAMES,
    bins_of,
    element,
    latents,
    log_density,
    log_uniform,
    turns,
)
from experiments.sprites import draw

SIZE = 32


class Held(NamedTuple):
    """Held-out images of one shape, and what the model makes of them."""

    name: str
    v: Tensor  # (B, 4) latents
    prototypes: Tensor  # (B, 1, SIZE, SIZE)
    back: Tensor  # (B, 3, 3), C^-1


def sprites(count: int, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Return ``count`` images in [-1, 1] and latents ``(count, 4)`` of each shape."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name, laws in LAWS.items():
        v = torch.stack([law.sample(count, generator) for law in laws], -1)
        made[name] = (2 * draw(name, element(v), SIZE, samples=4)[:, None] - 1, v)
    return made


def held_out(model: SymmetryModel, count: int, seed: int) -> list[Held]:
    """Return new sprites with their prototypes and conventions."""
    found = []
    for name, (x, v) in sprites(count, 1000 + seed).items():
        back = torch.linalg.inv(element(v)) @ model.element(x).double()
        found.append(Held(name, v, model.prototype(x), back))
    return found


@torch.no_grad()
def learned(model: SymmetryModel, one: Held, v: Tensor, shown: Tensor | None = None) -> Tensor:
    """Return ``log q`` of latents ``(draws, B, 4)``, all turns that look the same together."""
    q = model.transform_distribution(prototype=one.prototypes if shown is None else shown)
    logs = []
    for angle in turns(one.name):
        turned = torch.cat([v[..., :2], v[..., 2:3] + angle, v[..., 3:]], -1)
        logs.append(q.log_prob(model.chart.coordinates(element(turned) @ one.back)).double())
    return torch.stack(logs).logsumexp(0)


def blind(model: SymmetryModel, held: list[Held], one: Held, v: Tensor) -> Tensor:
    """Return what :func:`learned` returns, of a density that is not shown the prototype."""
    some = [other.prototypes[i : i + 1] for other in held for i in range(4)]
    logs = [learned(model, one, v, made.expand_as(one.prototypes)) for made in some]
    return torch.stack(logs).logsumexp(0) - log(len(logs))


def marginals(model: SymmetryModel, one: Held, draws: int, seed: int) -> list[dict[str, Any]]:
    """Return learned and true probabilities of bins, for each latent."""
    generator = torch.Generator().manual_seed(seed)
    eta = model.transform_distribution(prototype=one.prototypes).sample(
        (draws,), generator=generator
    )
    v = latents(model.chart.element(eta.double()) @ torch.linalg.inv(one.back)).flatten(0, 1)
    rows = []
    for place in range(len(NAMES)):
        edges, true, period = bins_of(one.name, place)
        column = v[:, place].contiguous()
        if period:
            column = (column - edges[0]).remainder(period) + edges[0]
        counts = torch.bincount(torch.bucketize(column, edges), minlength=len(edges) + 1)
        counts = counts.double() / len(column)
        inside, outside = counts[1:-1], float(counts[0] + counts[-1])
        tv = (float((inside - true).abs().sum()) + outside) / 2
        rows.append({"edges": edges, "true": true, "learned": inside, "tv": tv})
    return rows


def compare(
    model: SymmetryModel, held: list[Held], seed: int, draws: int
) -> tuple[dict[str, list[float]], list[tuple[str, list[dict[str, Any]]]]]:
    """Print and return figures of a model, one for each shape, and marginals of the shapes."""
    generator = torch.Generator().manual_seed(seed)
    figures: dict[str, list[float]] = {"gap": [], "own": [], "blind": [], "uniform": [], "tv": []}
    rows = []
    for one in held:
        size = draws * len(one.v)
        v = torch.stack([law.sample(size, generator) for law in LAWS[one.name]], -1)
        v = v.unflatten(0, (draws, len(one.v)))
        truth = log_density(one.name, v)
        own = log_density(one.name, one.v) - learned(model, one, one.v[None])[0]
        figures["gap"].append(float((truth - learned(model, one, v)).mean()))
        figures["own"].append(float(own.mean()))
        figures["blind"].append(float((truth[:8] - blind(model, held, one, v[:8])).mean()))
        figures["uniform"].append(float(truth.mean()) - log_uniform(one.name))
        rows.append((one.name, marginals(model, one, 8 * draws, seed)))
        tv = [row["tv"] for row in rows[-1][1]]
        figures["tv"].append(max(tv))
        c, folds = latents(torch.linalg.inv(one.back)), len(turns(one.name))
        length = ((folds * c[:, 2]).cos().mean() ** 2 + (folds * c[:, 2]).sin().mean() ** 2).sqrt()
        print(
            f"seed {seed} {one.name:8} truth {-float(truth.mean()):6.3f} nats; "
            + ", ".join(f"{name} {figures[name][-1]:.3f}" for name in list(figures)[:4])
            + "; total variation "
            + ", ".join(f"{name} {far:.3f}" for name, far in zip(NAMES, tv, strict=True))
            + f"; prototypes differ by {float((-2 * length.log()).sqrt()) / folds:.4f} radians, "
            f"{100 * float(c[:, 3].log().std()):.1f} % in size",
            flush=True,
        )
    return figures, rows


def invariance() -> float:
    """Return how much prototypes of the closed form change under a quarter turn."""
    x = sprites(3, 0)["heart"][0].double()
    model = SymmetryModel("similarity", (1, SIZE, SIZE), backbone="analytic").double()
    family = model.family
    with torch.no_grad():
        made = [
            family.act(family.group.inverse(model.inference(one).g), one)
            for one in (x, x.rot90(1, (-2, -1)))
        ]
    return float((made[0] - made[1]).norm() / made[0].norm())


def main() -> None:
    """Fit for each seed, compare with the truth, and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--smoke", action="store_true", help="a few steps")
    parser.add_argument("--seeds", type=int, nargs="+", help="of images and fits")
    parser.add_argument("--picture", type=Path, help="PNG of the marginals of the last seed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    few = options.smoke
    preset = Preset(
        StagePlan(10 if few else 250),
        StagePlan(10 if few else 1000, learning_rate=4e-3, batch=32 if few else 256),
        dropout=0.0,
    )
    count, held, draws = (20, 4, 8) if few else (3000, 100, 128)
    figures = []
    for seed in options.seeds or ([0] if few or options.quick else [0, 1, 2]):
        began = time.process_time()
        model = SymmetryModel("similarity", (1, SIZE, SIZE))
        images = torch.cat([x for x, _ in sprites(count, 10 + seed).values()])
        model.fit(images, preset=preset, seed=seed, quiet=True)
        numbers, shown = compare(model, held_out(model, held, seed), seed, draws)
        figures.append(numbers)
        print(f"seed {seed}: {time.process_time() - began:.0f} s of CPU", flush=True)
    for name in ("gap", "own", "blind", "uniform", "tv"):
        rows = torch.tensor([one[name] for one in figures])
        told = "largest total variation" if name == "tv" else f"mean {name} over the shapes, nats"
        value = rows.amax(1) if name == "tv" else rows.mean(1)
        print(f"{told}: " + ", ".join(f"{one:.3f}" for one in value.tolist()))
    if options.picture:
        draw_bins(options.picture, NAMES, shown)
    print(f"equivariance error, prototypes of hearts turned by 90 degrees: {invariance():.1e}")


if __name__ == "__main__":
    main()
