"""Learn on sets whose elements have symmetries of their own: compose, prove, discover."""

import importlib
from types import ModuleType

from eqsets import nn, representations
from eqsets.aggregation import Aggregation
from eqsets.audit import AuditReport, CostReport, audit, cost
from eqsets.construction import Construction
from eqsets.deep import SetResNet, SetUNet
from eqsets.description import from_dict, load, save, to_dict
from eqsets.dss import DSS
from eqsets.equivariance import EquivarianceMonitor, EquivarianceReport, equivariance_error
from eqsets.errors import (
    DescriptionError,
    EqsetsError,
    ExportError,
    FeatureTypeError,
    GroupError,
    LawViolation,
    OptionError,
    PluginError,
    ShapeError,
)
from eqsets.export import ExportReport, export
from eqsets.families import TransformationFamily
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.generated import GeneratedSymmetry
from eqsets.groups import Group
from eqsets.hookspecs import hookimpl
from eqsets.modules import register_aggregation, register_module
from eqsets.nested import Sets
from eqsets.network import SetNetwork, deep_sets
from eqsets.products import Product
from eqsets.registry import element_group, plugins, transformation
from eqsets.set_aware import set_aware
from eqsets.sets import PartBatch, SetBatch
from eqsets.sets.collate import collate
from eqsets.sets.sampler import TotalSizeBatchSampler
from eqsets.symmetrize import Symmetrized, symmetrize
from eqsets.symmetry import ElementSymmetry

__version__ = "0.2.0"

__all__ = [
    "DSS",
    "Aggregation",
    "AuditReport",
    "Construction",
    "CostReport",
    "DescriptionError",
    "ElementSymmetry",
    "EqsetsError",
    "EquivarianceMonitor",
    "EquivarianceReport",
    "ExportError",
    "ExportReport",
    "FeatureType",
    "FeatureTypeError",
    "GeneratedSymmetry",
    "Group",
    "GroupError",
    "InvariantFeatures",
    "LawViolation",
    "OptionError",
    "PartBatch",
    "PluginError",
    "Product",
    "SetBatch",
    "SetNetwork",
    "SetResNet",
    "SetUNet",
    "Sets",
    "ShapeError",
    "Symmetrized",
    "TotalSizeBatchSampler",
    "TransformationFamily",
    "audit",
    "collate",
    "cost",
    "deep_sets",
    "element_group",
    "equivariance_error",
    "export",
    "from_dict",
    "hookimpl",
    "load",
    "nn",
    "plugins",
    "register_aggregation",
    "register_module",
    "representations",
    "save",
    "set_aware",
    "symmetrize",
    "to_dict",
    "transformation",
]


def __getattr__(name: str) -> ModuleType:
    """Import ``testing`` and ``generative`` on first use: importing eqsets stays light."""
    if name in ("generative", "testing"):
        return importlib.import_module(f"eqsets.{name}")
    raise AttributeError(f"module 'eqsets' has no attribute {name!r}")
