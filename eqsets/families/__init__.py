"""Families of transformations: parameters, a group, an action, and the geometry of all three."""

from eqsets.families.action import ORDERS, Action
from eqsets.families.additive import AdditiveGroup
from eqsets.families.chart import Chart, FamilyChart, ProductChart
from eqsets.families.domains import (
    KINDS,
    Clouds,
    ConvEncoder,
    DenseEncoder,
    Domain,
    Grid,
    Images,
    PointEncoder,
    Signals,
    Vectors,
    Volumes,
    kind_named,
    kind_of,
)
from eqsets.families.family import ProductFamily, TransformationFamily, factors_of
from eqsets.families.frame import DiscreteFrame, Frame, IdentityFrame, Pose, ProductFrame
from eqsets.families.matrices import MatrixFamily
from eqsets.families.parameter import ROLES, Parameter
from eqsets.families.parametrization import Parametrization
from eqsets.families.precision import at_least_float32, without_autocast

__all__ = [
    "KINDS",
    "ORDERS",
    "ROLES",
    "Action",
    "AdditiveGroup",
    "Chart",
    "Clouds",
    "ConvEncoder",
    "DenseEncoder",
    "DiscreteFrame",
    "Domain",
    "FamilyChart",
    "Frame",
    "Grid",
    "IdentityFrame",
    "Images",
    "MatrixFamily",
    "Parameter",
    "Parametrization",
    "PointEncoder",
    "Pose",
    "ProductChart",
    "ProductFamily",
    "ProductFrame",
    "Signals",
    "TransformationFamily",
    "Vectors",
    "Volumes",
    "at_least_float32",
    "factors_of",
    "kind_named",
    "kind_of",
    "without_autocast",
]
