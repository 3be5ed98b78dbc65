"""The static files of the site: a font for formulas, and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[1] / "docs" / "_static"
URL = re.compile(r'url\("([^"]+)"\)')


def fonts(style: Path) -> list[Path]:
    """Return the files that a style sheet loads."""
    return [style.parent / name for name in URL.findall(style.read_text())]


def has_formula_tables(font: Path) -> bool:
    """Return whether a font has the tables that browsers position MathML by."""
    return "MATH" in pytest.importorskip("fontTools.ttLib").TTFont(font)


def test_formulas_have_a_mathematics_font() -> None:
    files = fonts(STATIC / "formulas.css")
    assert files
    assert all(has_formula_tables(font) for font in files)


def test_a_text_font_is_no_mathematics_font() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    oblique = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Oblique.ttf"
    assert not has_formula_tables(oblique)


@pytest.mark.parametrize("style", sorted(STATIC.glob("*.css")), ids=lambda path: path.name)
def test_styles_fetch_nothing_from_other_hosts(style: Path) -> None:
    assert "//" not in style.read_text().replace("/*", "")
