"""Write measured results into pages of the docs: `make results`.

A pair of comments of a page defines the position,

    <!-- results: signals -->
    <!-- end of results -->

and everything between them is replaced by the plot and the table of ``results/signals.json``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from eqsets import OptionError
from eqsets.errors import choices
from experiments.tables import efficiency
from experiments.tables.markdown import caption, table
from experiments.tables.plots import draw
from experiments.tables.rows import read_results

__all__ = ["PAGES", "main", "render_page", "render_results"]

PAGES = (
    "docs/results.md",
    "docs/densities.md",
    "docs/from-your-network.md",
    "docs/representations.md",
)

_BLOCK = re.compile(
    r"(?P<begin><!-- results: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end of results -->)",
    re.DOTALL,
)


def render_results(path: Path, image: str) -> str:
    """Return plot, caption and table of one result file as Markdown."""
    other = efficiency.render(path, image)
    if other is not None:
        return other
    about, rows = read_results(path)
    text = caption(about, rows)
    return f"\n![{text.partition('.')[0]}]({image})\n\n{text}\n\n{table(about, rows)}\n\n"


def render_page(text: str, results: Path) -> str:
    """Return the text of a page with all its results.

    Raises:
        OptionError: the page names results that do not exist.
    """

    def fill(block: re.Match[str]) -> str:
        name = block["name"]
        path = results / f"{name}.json"
        if not path.exists():
            known = [file.stem for file in results.glob("*.json")]
            raise OptionError(
                f"the page names the results {name!r}, which do not exist: {choices(name, known)}"
            )
        return block["begin"] + render_results(path, image_of(name)) + block["end"]

    return _BLOCK.sub(fill, text)


def image_of(name: str) -> str:
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
        for block in _BLOCK.finditer(text):
            path = given.results / f"{block['name']}.json"
            image = page.parent / image_of(block["name"])
            if not efficiency.plot(path, image):
                draw(image, *read_results(path))
            print(f"{page}: {block['name']}")


if __name__ == "__main__":
    main()
