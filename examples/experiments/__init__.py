"""Shared code of the experiments: eleven models of equal size, resumable training, result rows."""

from experiments.campaign import run_campaign
from experiments.command import run_command
from experiments.experiment import Experiment, Size
from experiments.models.designs import DESIGNS, Design
from experiments.models.plan import Plan, SetModel, build_model, count_parameters, models_of
from experiments.recipe import Data, Recipe, accuracy, endless, set_cross_entropy, shuffled
from experiments.tables.rows import Row, read_results, write_results
from experiments.training import Training

__all__ = [
    "DESIGNS",
    "Data",
    "Design",
    "Experiment",
    "Plan",
    "Recipe",
    "Row",
    "SetModel",
    "Size",
    "Training",
    "accuracy",
    "build_model",
    "count_parameters",
    "endless",
    "models_of",
    "read_results",
    "run_campaign",
    "run_command",
    "set_cross_entropy",
    "shuffled",
    "write_results",
]
