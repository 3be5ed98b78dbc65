"""The report of :func:`discover`: its data, the fitted model, and how both are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from eqsets.generative.model import SymmetryModel
from eqsets.generative.report.data import ReportData
from eqsets.generative.report.page import page_of
from eqsets.generative.report.terminal import summary_of
from eqsets.training import write_text

__all__ = ["SymmetryReport"]


@dataclass(frozen=True, eq=False)
class SymmetryReport(ReportData):
    """Which transformations are symmetries of images, and how far: see :func:`discover`.

    Attributes:
        facts: the data, the family, the preset, the seed, times and versions.
        claims: one for each component of ``eta``.
        dependence: of the components that are not absent, given the prototype.
        cautions: what to know before believing the claims.
        recommendation: which element group to use.
        curves: the learned distributions.
        images: images, prototypes and resamples.
        model: the model that was fitted.
        answer: the answer to a question about sets, in words; nothing if none was asked.
    """

    model: SymmetryModel = field(repr=False)

    def to_html(self) -> str:
        """Return one page that needs nothing else.

        Raises:
            OptionError: pillow is not installed.
        """
        return page_of(self)

    def summary(self) -> str:
        """Return what a terminal shows, as plain text.

        Raises:
            OptionError: rich is not installed.
        """
        return summary_of(self)

    def save(self, folder: str | Path) -> tuple[Path, Path, Path]:
        """Write ``report.html``, ``report.json`` and ``model.pt``, each whole or not at all.

        Returns:
            The three paths.

        Raises:
            OptionError: pillow is not installed.
            OSError: the folder cannot be written.
        """
        path = Path(folder)
        page, numbers, model = (path / n for n in ("report.html", "report.json", "model.pt"))
        text = self.to_html()
        self.model.save(model)
        write_text(numbers, self.to_json() + "\n")
        write_text(page, text)
        return page, numbers, model
