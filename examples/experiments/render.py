"""Write measured results into pages of the docs: `make results`.

A page says where by a pair of comments,

    <!-- results: signals -->
    <!-- end of results -->

and everything between them is replaced by the plot and the table of ``results/signals.json``. The
words around are the author's.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from eqsets import OptionError
from eqsets.errors import choices
from experiments import efficiency
from experiments.plots import draw
from experiments.rows import read_results
from experiments.tables import caption, table

__all__ = ["PAGES", "main", "render_page", "render_results"]

PAGES = ("docs/results.md", "docs/densities.md")

_PLACE = re.compile(
    r"(?P<begin><!-- results: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end of results -->)",
    re.DOTALL,
)


def render_results(path: Path, picture: str) -> str:
    """Return plot, caption and table of one file of results as Markdown."""
    other = efficiency.render(path, picture)
    if other is not None:
        return other
    about, rows = read_results(path)
    text = caption(about, rows)
    return f"\n![{text.partition('.')[0]}]({picture})\n\n{text}\n\n{table(about, rows)}\n\n"


def render_page(text: str, results: Path) -> str:
    """Return the text of a page with all its results.

    Raises:
        OptionError: the page names results that are not there.
    """

    def fill(place: re.Match[str]) -> str:
        name = place["name"]
        path = results / f"{name}.json"
        if not path.exists():
            known = [found.stem for found in results.glob("*.json")]
            raise OptionError(
                f"the page wants the results {name!r}, which nobody has measured: "
                f"{choices(name, known)}"
            )
        return place["begin"] + render_results(path, picture_of(name)) + place["end"]

    return _PLACE.sub(fill, text)


def picture_of(name: str) -> str:
    """Return the path of a plot, from the page."""
    return f"images/results-{name}.png"


def main() -> None:
    """Render the pages of the docs."""
    parser = argparse.ArgumentParser(description="Write measured results into the docs.")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--pages", type=Path, nargs="+", default=[Path(page) for page in PAGES])
    given = parser.parse_args()
    for page in given.pages:
        text = render_page(page.read_text(encoding="utf-8"), given.results)
        page.write_text(text, encoding="utf-8")
        for place in _PLACE.finditer(text):
            path = given.results / f"{place['name']}.json"
            picture = page.parent / picture_of(place["name"])
            if not efficiency.plot(path, picture):
                draw(picture, *read_results(path))
            print(f"{page}: {place['name']}")


if __name__ == "__main__":
    main()
