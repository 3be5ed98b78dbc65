"""Networks as files of other runtimes: ONNX, ``torch.export`` and AOTInductor packages."""

from eqsets.export.export import export
from eqsets.export.layouts import LAYOUTS
from eqsets.export.report import ExportReport
from eqsets.export.targets import TARGETS

__all__ = ["LAYOUTS", "TARGETS", "ExportReport", "export"]
