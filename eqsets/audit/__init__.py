"""Find the layer that breaks the symmetry of a model, and by how much: :func:`audit`."""

from __future__ import annotations

from eqsets.audit.layers import audit
from eqsets.audit.report import AuditReport, LayerError

__all__ = ["AuditReport", "LayerError", "audit"]
