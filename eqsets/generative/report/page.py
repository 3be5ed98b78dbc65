"""The report as one page: nothing is loaded from anywhere, nothing runs in it."""

from __future__ import annotations

from html import escape

from eqsets.generative.analysis.claims import ALPHA, Claim
from eqsets.generative.report.data import Pictures, ReportData
from eqsets.generative.report.images import data_uri
from eqsets.generative.report.plots import number, plot
from eqsets.generative.report.style import STYLE

__all__ = ["page_of"]

_NO_REQUESTS = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page_of(report: ReportData) -> str:
    """Return the page as HTML.

    Raises:
        OptionError: pillow is not installed.
    """
    facts = report.facts
    shape = " x ".join(str(size) for size in facts["shape"][1:])
    kind = "colour" if facts["shape"][0] == 3 else "grey"
    body = "\n".join(
        (
            f"<h1>Symmetries of {escape(str(facts['data']))}</h1>",
            f'<p class="soft">{facts["images"]:,} {kind} images of {shape} pixels, under '
            f"{escape(str(facts['family']))}. Each claim was tested on {facts['held_out']} images "
            "that were held out.</p>",
            _verdicts(report),
            _cautions(report),
            "<h2>Prototypes, and what they may become</h2>",
            _grid(report.pictures),
            "<h2>How far</h2>",
            _plots(report),
            "<h2>The claims, tested</h2>",
            _table(report),
            "<h2>What to build</h2>",
            _recommendation(report),
            _footer(report),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_NO_REQUESTS}">'
        f"<title>Symmetries of {escape(str(facts['data']))}</title>"
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


def _verdicts(report: ReportData) -> str:
    rows = "".join(
        f'<li><span class="tag {claim.verdict}">{claim.verdict}</span>'
        f"<span>{escape(_capital(claim.sentence))}</span></li>"
        for claim in report.claims
    )
    return f'<ul class="verdicts">{rows}</ul>'


def _cautions(report: ReportData) -> str:
    if not report.cautions:
        return ""
    rows = "".join(f"<li>{escape(_capital(text))}</li>" for text in report.cautions)
    return f'<h2>Before you believe it</h2><ul class="cautions">{rows}</ul>'


def _grid(pictures: Pictures) -> str:
    cells = ["<span>image</span><span>proto<wbr>type</span><span class=wide>resamples</span>"]
    rows = zip(pictures.images, pictures.prototypes, pictures.resamples, strict=True)
    for row, (image, prototype, resamples) in enumerate(rows, 1):
        cells.append(f'<img alt="Image {row}" src="{data_uri(image)}">')
        cells.append(f'<img alt="Its prototype" src="{data_uri(prototype)}">')
        cells += [f'<img alt="A resample of it" src="{data_uri(one)}">' for one in resamples]
    return (
        f'<figure><div class="grid">{"".join(cells)}</div><figcaption><p>A prototype stands for '
        "all transforms of an image; where it lies among them is a convention. Resamples are the "
        "image in other poses that occur, drawn from the learned density.</p></figcaption></figure>"
    )


def _plots(report: ReportData) -> str:
    figures = "".join(
        f"<figure><h3>{escape(_capital(claim.name.replace('_', ' ')))}</h3>{plot(curve, claim)}"
        f"<figcaption>{escape(_capital(claim.sentence.partition(': ')[2]))}</figcaption></figure>"
        for claim, curve in zip(report.claims, report.curves, strict=True)
    )
    note = (
        "The learned density of each component, given the prototype, around the centre that each "
        "prototype has. The thick line is the extent that the tests support; dashes are uniform."
    )
    pairs = [one for one in report.dependence if one.nats >= 0.05]
    depends = "".join(
        f"<p>{escape(one.first)} and {escape(one.second)} depend on each other: "
        f"{one.nats:.2f} nats of mutual information.</p>".replace("_", " ")
        for one in pairs
    )
    return f'<p class="soft">{note}</p><div class="plots">{figures}</div>{depends}'


def _table(report: ReportData) -> str:
    heads = ("", "extent", "95 %", "floor", "nats below uniform", "p absent", "p uniform")
    rows = "".join(_row(claim) for claim in report.claims)
    return (
        '<div class="scroll" tabindex="0"><table><thead><tr>'
        + "".join(f"<th>{head}</th>" for head in heads)
        + f"</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="meta"><b>p absent</b>: were the spread at most 1.5 times the noise floor, that '
        "inference and pixels make of nothing, such scores of the held-out images would be as rare "
        "as this. <b>p uniform</b>: were all poses equally frequent, random moves would score as "
        "low this often. <b>Extent</b>: half width of the uniform distribution of the same "
        "entropy, given the prototype, in the unit of the component. "
        f"Level {ALPHA}, corrected by Holm for the number of components; intervals by bootstrap; "
        "entropies are estimated from above, so that uniform is at 0 or a little below.</p>"
    )


def _row(claim: Claim) -> str:
    low, high = (number(end) for end in claim.interval)
    first, last = (number(end) for end in claim.below_uniform_interval)
    uniform = "" if claim.p_uniform is None else number(claim.p_uniform)
    cells = (
        escape(claim.name.replace("_", " ")),
        number(claim.extent),
        f"{low} to {high}",
        number(claim.floor),
        f"{number(max(claim.below_uniform, 0.0))} ({first} to {last})",
        _p(claim.p_absent),
        uniform,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _p(value: float) -> str:
    return "&lt; 10⁻⁴" if value < 1e-4 else f"{value:.2g}"


def _recommendation(report: ReportData) -> str:
    found = report.recommendation
    reasons = "".join(f"<li>{escape(_capital(reason))}</li>" for reason in found.reasons)
    return (
        f"<pre><code>{escape(found.code)}</code></pre>"
        f'<p class="meta">Install: <code>{escape(found.install)}</code></p>'
        f'<ul class="reasons">{reasons}</ul>'
    )


def _footer(report: ReportData) -> str:
    facts = report.facts
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    rows = {
        "Preset": facts["preset"],
        "Seed": facts["seed"],
        "Time": f"{facts['seconds']:.0f} s, {facts['seconds_of_the_fit']:.0f} s of it the fit",
        "Prototypes": f"{facts['prototype_variance_over_the_orbit']:.1%} of the variance over the "
        "orbit is left",
        "Made": f"{facts['date']} with {versions}",
    }
    items = "".join(f"<dt>{name}</dt><dd>{escape(str(text))}</dd>" for name, text in rows.items())
    return f'<footer class="meta"><dl>{items}</dl></footer>'


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
