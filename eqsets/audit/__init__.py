"""Analyse a model: the layer that breaks its symmetry, :func:`audit`, and its :func:`cost`."""

from __future__ import annotations

from eqsets.audit.cost import CostReport, cost
from eqsets.audit.layers import audit
from eqsets.audit.report import AuditReport, LayerError

__all__ = ["AuditReport", "CostReport", "LayerError", "audit", "cost"]
