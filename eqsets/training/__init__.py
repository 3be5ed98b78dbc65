"""The training loop of eqsets: exact resume, whole checkpoints, early stopping, interruption.

It serves the generative model, the demo and the experiments, and needs torch alone; Lightning
Fabric is imported where several devices or processes are asked for, and rich for progress bars.
"""

from eqsets.training.callbacks import Callback, MovingAverage, Selection
from eqsets.training.files import fingerprint, write_text, write_whole
from eqsets.training.interrupt import deferred_interrupt
from eqsets.training.loop import Training
from eqsets.training.objective import Objective, Step
from eqsets.training.options import FitOptions
from eqsets.training.parallel import run_in_parallel
from eqsets.training.plan import Plan, StagePlan
from eqsets.training.stage import run_stage

__all__ = [
    "Callback",
    "FitOptions",
    "MovingAverage",
    "Objective",
    "Plan",
    "Selection",
    "StagePlan",
    "Step",
    "Training",
    "deferred_interrupt",
    "fingerprint",
    "run_in_parallel",
    "run_stage",
    "write_text",
    "write_whole",
]
