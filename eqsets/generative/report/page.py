"""The report as one page: nothing is loaded from anywhere, nothing runs in it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from eqsets.generative.analysis.claims import ALPHA
from eqsets.generative.analysis.units import brief, number
from eqsets.generative.report.data import ReportData
from eqsets.generative.report.images import data_uri
from eqsets.generative.report.plots import plot
from eqsets.optional import require

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["page_of"]


def page_of(report: ReportData) -> str:
    """Return the page as HTML.

    Raises:
        OptionError: jinja2, matplotlib or pillow is not installed.
    """
    images = report.images
    return _template().render(
        report=report,
        rows=zip(images.images, images.prototypes, images.resamples, strict=True),
        noun=images.domain.noun,
        thumbnail=lambda x: data_uri(images.domain.thumbnail(x)),
        plots=zip(report.claims, report.curves, strict=True),
        plot=plot,
        alpha=ALPHA,
    )


@cache
def _template() -> Template:
    require("jinja2")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    page = Environment(
        loader=PackageLoader("eqsets.generative.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters |= {
        "number": number,
        "of": lambda value, claim: brief(value, claim.unit),
        "sentence": lambda text: text[:1].upper() + text[1:],
        "words": lambda name: name.replace("_", " "),
    }
    return page.get_template("page.html")
