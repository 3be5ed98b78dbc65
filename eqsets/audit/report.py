"""The errors of all declared layers, and which layer is the cause."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["AuditReport", "LayerError"]


@dataclass(frozen=True)
class LayerError:
    """The errors of one layer.

    Attributes:
        name: path of the layer in the model; ``""`` is the model itself.
        kind: class of the layer.
        own: relative error of the layer alone, on its real input, transformed.
        before: relative error that its input has accumulated since the start of the model.
        after: relative error that its output has accumulated.
    """

    name: str
    kind: str
    own: float
    before: float
    after: float


@dataclass(frozen=True)
class AuditReport:
    """The errors of all declared layers in the order in which they ran.

    Attributes:
        layers: one row each.
        budget: largest relative error that counts as equivariant.
        border: relative error of the output, in the interior, where the content of the input
            reaches a border that is padded; ``None`` where the type has no such border.
        margin: whether ``layers`` were measured on an input with a margin, so that the border
            plays no part.
    """

    layers: tuple[LayerError, ...]
    budget: float
    border: float | None = None
    margin: bool = False

    @property
    def ok(self) -> bool:
        """Whether no layer, and nothing between layers, breaks the symmetry."""
        return self.culprit is None

    @property
    def culprit(self) -> str | None:
        """Name of the innermost layer that breaks the symmetry first, or what it stands between."""
        outer = [row for row in self.layers if not self._around(row)]
        return self._first_break(outer, "the input")

    def _around(self, row: LayerError) -> list[LayerError]:
        """Return the declared layers that contain ``row``, the nearest last."""
        around = [
            other
            for other in self.layers
            if other is not row and (not other.name or row.name.startswith(f"{other.name}."))
        ]
        return sorted(around, key=lambda other: len(other.name))

    def _first_break(self, rows: list[LayerError], previous: str) -> str | None:
        for row in rows:
            if not row.before <= self.budget:
                return f"between {previous} and {row.name!r}"
            if not row.own <= self.budget:
                parts = [part for part in self.layers if self._around(part)[-1:] == [row]]
                return self._first_break(parts, previous) or row.name or "the model itself"
            previous = repr(row.name)
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {
            "ok": self.ok,
            "culprit": self.culprit,
            "budget": self.budget,
            "border": self.border,
            "margin": self.margin,
            "layers": [asdict(row) for row in self.layers],
        }

    def __str__(self) -> str:
        width = max(len(row.name or "(model)") for row in self.layers)
        lines = [f"{'layer':<{width}}  {'own error':>10}  {'before':>8}  {'after':>8}  kind"]
        for row in self.layers:
            lines.append(
                f"{row.name or '(model)':<{width}}  {row.own:>10.1e}  {row.before:>8.1e}  "
                f"{row.after:>8.1e}  {row.kind}"
            )
        verdict = "no layer breaks the symmetry" if self.ok else f"broken by: {self.culprit}"
        lines.append(f"{verdict} (budget {self.budget:.0e})")
        return "\n".join([*lines, *self._border_notes()])

    def _border_notes(self) -> list[str]:
        if self.border is None:
            return []
        if not self.margin:
            return ["the border of the grid is padded and counts here: margin=True excludes it"]
        if not self.border <= self.budget:
            return [
                f"the padding at the border of this input changes the output by {self.border:.1e}"
            ]
        return []
