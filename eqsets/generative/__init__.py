"""Discover symmetries: prototypes of images, and which transformations of them occur.

Importing this needs torch alone; fitting needs the extra ``generative`` (Lightning and zuko).
"""

from eqsets.generative.chart import Chart, chart_of
from eqsets.generative.data import as_images
from eqsets.generative.density import TransformDistribution
from eqsets.generative.inference import BACKBONES, Inference
from eqsets.generative.losses import LossWeights
from eqsets.generative.model import SymmetryModel
from eqsets.generative.objective import Fit
from eqsets.generative.orbits import OrbitVariance, orbit_variance
from eqsets.generative.pose import Frame, Pose
from eqsets.generative.presets import PRESETS, Preset, StagePlan
from eqsets.generative.report import Claim, SymmetryReport, discover

__all__ = [
    "BACKBONES",
    "PRESETS",
    "Chart",
    "Claim",
    "Fit",
    "Frame",
    "Inference",
    "LossWeights",
    "OrbitVariance",
    "Pose",
    "Preset",
    "StagePlan",
    "SymmetryModel",
    "SymmetryReport",
    "TransformDistribution",
    "as_images",
    "chart_of",
    "discover",
    "orbit_variance",
]
