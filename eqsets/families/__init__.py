"""Families of transformations: parameters, a group, an action, and the geometry of all three."""

from eqsets.families.action import ORDERS, Action
from eqsets.families.additive import AdditiveGroup
from eqsets.families.chart import Chart, FamilyChart, ProductChart
from eqsets.families.domain import Domain
from eqsets.families.encoders import ConvEncoder, DenseEncoder
from eqsets.families.family import ProductFamily, TransformationFamily, factors_of
from eqsets.families.frame import DiscreteFrame, Frame, IdentityFrame, Pose, ProductFrame
from eqsets.families.grid import Grid, Signals, Volumes
from eqsets.families.images import Images
from eqsets.families.parameter import ROLES, Parameter
from eqsets.families.parametrization import Parametrization
from eqsets.families.precision import at_least_float32, without_autocast

__all__ = [
    "ORDERS",
    "ROLES",
    "Action",
    "AdditiveGroup",
    "Chart",
    "ConvEncoder",
    "DenseEncoder",
    "DiscreteFrame",
    "Domain",
    "FamilyChart",
    "Frame",
    "Grid",
    "IdentityFrame",
    "Images",
    "Parameter",
    "Parametrization",
    "Pose",
    "ProductChart",
    "ProductFamily",
    "ProductFrame",
    "Signals",
    "TransformationFamily",
    "Volumes",
    "at_least_float32",
    "factors_of",
    "without_autocast",
]
