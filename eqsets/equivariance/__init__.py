"""Measure how far a module is from equivariant: :func:`equivariance_error`."""

from __future__ import annotations

from eqsets.equivariance.error import equivariance_error
from eqsets.equivariance.monitor import EquivarianceMonitor
from eqsets.equivariance.report import EquivarianceReport, relative_error
from eqsets.equivariance.transformation import SetTransformation, evaluating

__all__ = [
    "EquivarianceMonitor",
    "EquivarianceReport",
    "SetTransformation",
    "equivariance_error",
    "evaluating",
    "relative_error",
]
