"""Result rows of the data-efficiency example, and their tables on the page "Densities of images".

The loss of a VAE is given in nats, and as a share of its gain over the best model with only the
mean image. Values in nats depend on the units of pixels; differences, and so this share, do not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.tables.markdown import mean_and_error
from experiments.tables.rows import write_json

__all__ = ["KINDS", "add_row", "draw", "markdown", "plot", "published", "read_rows", "render"]

KINDS = {
    "vae": "VAE",
    "wsda": "VAE, standard augmentation",
    "aug": "AugVAE, rotations",
    "inv": "InvVAE",
    "wide": "AugVAE, affine maps",
    "inv-wide": "InvVAE, on resampled affine maps",
}
_COLOURS = ("#6a737d", "#d98032", "#1b6ca8", "#b3402a", "#3fa7d6", "#7a1f5c")


def render(path: Path, image: str) -> str | None:
    """Return the Markdown of a result file, if it is of this example."""
    view = _VIEWS.get(path.stem)
    if view is None:
        return None
    plot = f"![Bound by number of digits]({image})\n\n" if path.stem in _PLOTTED else ""
    return f"\n{plot}{view(*read_rows(path))}\n\n"


def plot(path: Path, image: Path) -> bool:
    """Draw the plot of a result file; return whether it is of this example."""
    if path.stem in _PLOTTED:
        draw(image, *read_rows(path))
    return path.stem in _VIEWS


def read_rows(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return metadata and rows of a file of :func:`add_row`."""
    if not path.exists():
        return {}, []
    content = json.loads(path.read_text(encoding="utf-8"))
    return content, content.pop("rows")


def add_row(path: Path, about: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Add a row to a file, which is read first: other processes may have added rows."""
    rows = [*read_rows(path)[1], dict(row)]
    rows.sort(
        key=lambda one: (one["seed"], -one["digits"], [*KINDS, "published"].index(one["kind"]))
    )
    write_json(path, {**about, "rows": rows})


def markdown(about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return caption and table: models as rows, numbers of digits as columns, then losses."""
    rows = [row for row in rows if row["kind"] in KINDS]
    sizes = _sizes(rows)
    most, fewer, least = sizes[0], max(sizes[0] // 4, sizes[-1]), sizes[-1]
    head = ["nats", *(f"{size:,}" for size in sizes)]
    head += [f"lost: {most:,} to {few:,}" for few in dict.fromkeys((fewer, least))]
    head += ["effective draws", "steps", "CPU s"]
    lines = [_line(head), _line(["---", *["--:"] * (len(head) - 1)])]
    for kind in (kind for kind in KINDS if any(row["kind"] == kind for row in rows)):
        own = [row for row in rows if row["kind"] == kind]
        cells = [KINDS[kind], *(_figure(_values(own, size)) for size in sizes)]
        cells += [_lost(about, own, most, few) for few in dict.fromkeys((fewer, least))]
        cells.append(f"{mean_and_error([row['ess'] for row in own])[0]:.1f}")
        cells.append(
            " to ".join(_figure(_values(own, n, "best"), decimals=0) for n in (most, least))
        )
        cells.append(f"{mean_and_error([row['cpu'] for row in own])[0]:.0f}")
        lines.append(_line(cells))
    counts = Counter((row["kind"], row["digits"]) for row in rows).values()
    seeds = " to ".join(str(count) for count in dict.fromkeys((min(counts), max(counts))))
    caption = (
        f"Bound of $\\log p(x)$ in nats, $K = {rows[0]['draws']}$, on {about['tests']} held-out "
        "digits, by number of training digits; mean ± one standard error over "
        f"{seeds} seed{'s' if max(counts) > 1 else ''} of weights and steps (no error: one). "
        "Lost: in nats, and as a share of the gain over the best model with only the "
        f"mean image ({about['base']:.0f} nats). Steps: where validation was best, with the most "
        f"and with the least digits, of {rows[0]['steps']:,} at most."
    )
    return f"{caption}\n\n" + "\n".join(lines)


def published(about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of the published InvVAE: the terms of its bound."""
    own = [row for row in rows if row["kind"] == "published"]
    head = ["digits", "bound of $\\log p(\\hat x)$", "$\\log p(\\eta \\mid \\hat x)$"]
    head += [
        "best at step",
        "pixels at the minimum noise",
        "nats from them",
        "from the others",
        "digits that are not constant there",
    ]
    lines = [_line(head), _line(["--:"] * len(head))]
    for size in _sizes(own):
        cells = [f"{size:,}"]
        for name in ("bound", "pose", "best", "pixels", "floor", "others"):
            cells.append(_figure(_values(own, size, name), decimals=0 if name != "pose" else 1))
        cells.append(f"{100 * mean_and_error(_values(own, size, 'hit'))[0]:.0f} %")
        lines.append(_line(cells))
    return "\n".join(lines)


def draw(path: Path, about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a PNG: the bounds against the number of digits."""
    sizes = _sizes(rows)
    figure = Figure((7.2, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for (kind, title), colour, marker in zip(KINDS.items(), _COLOURS, "osD^vP", strict=True):
        own = [row for row in rows if row["kind"] == kind]
        known = [size for size in sizes if _values(own, size)]
        if not known:
            continue
        statistics = [mean_and_error(_values(own, size)) for size in known]
        axes.errorbar(
            known,
            [mean for mean, _ in statistics],
            [error for _, error in statistics],
            label=title,
            color=colour,
            marker=marker,
            markersize=5,
            capsize=3,
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training digits")
    axes.set_ylabel("bound of log p(x), nats")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.4)
    axes.legend(fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def _sizes(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    return sorted({int(row["digits"]) for row in rows}, reverse=True)


def _values(rows: Sequence[Mapping[str, Any]], size: int, name: str = "iwlb") -> list[float]:
    return [float(row[name]) for row in rows if row["digits"] == size]


def _lost(about: Mapping[str, Any], own: Sequence[Mapping[str, Any]], most: int, few: int) -> str:
    """Return the loss in nats and as a share, with errors, over the seeds with both sizes."""
    by_seed = {(row["seed"], row["digits"]): float(row["iwlb"]) for row in own}
    pairs = [
        (by_seed[seed, most], by_seed.get((seed, few))) for seed, size in by_seed if size == most
    ]
    both = [(full, less) for full, less in pairs if less is not None]
    if not both:
        return ""
    nats = _figure([full - less for full, less in both])
    mean, error = mean_and_error([100 * (a - b) / (a - about["base"]) for a, b in both])
    share = f"{mean:.1f} ± {error:.1f} %" if len(both) > 1 else f"{mean:.1f} %"
    return f"{nats} ({share})"


def _figure(values: Sequence[float], *, decimals: int = 1) -> str:
    if not values:
        return ""
    mean, error = mean_and_error(values)
    return f"{mean:.{decimals}f}" + (f" ± {error:.{decimals}f}" if len(values) > 1 else "")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


_VIEWS: dict[str, Callable[..., str]] = {
    "data-efficiency": markdown,
    "data-efficiency-long": markdown,
    "published-invvae": published,
}
_PLOTTED = ("data-efficiency",)
