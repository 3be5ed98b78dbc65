"""Discover symmetries: prototypes of images, and which transformations of them occur.

Importing this needs torch alone; fitting needs the extra ``generative``: zuko, and Lightning for
several devices.
"""

import warnings

from eqsets.families import Chart, Frame, Pose, TransformationFamily
from eqsets.generative.canonicalization.inference import BACKBONES, Inference
from eqsets.generative.canonicalization.orbits import OrbitVariance, orbit_variance
from eqsets.generative.data.images import as_images
from eqsets.generative.density.conditional import TransformDistribution
from eqsets.generative.fitting.fit import Fit
from eqsets.generative.fitting.losses import LossWeights
from eqsets.generative.fitting.presets import PRESETS, Preset
from eqsets.generative.model import SymmetryModel
from eqsets.generative.report import Claim, SymmetryReport, discover
from eqsets.training import StagePlan

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


def chart_of(family: TransformationFamily) -> Chart:
    """Return ``family.chart()``; deprecated."""
    warnings.warn(
        "eqsets.generative.chart_of is deprecated, write family.chart().",
        DeprecationWarning,
        stacklevel=2,
    )
    return family.chart()
