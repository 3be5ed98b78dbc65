"""How Sphinx builds the site: `make docs`; a warning is an error, and no network is needed."""

from __future__ import annotations

import importlib.metadata

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "eqsets"
author = "The eqsets developers"
copyright = "2026, the eqsets developers"
release = importlib.metadata.version("eqsets")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
copybutton_prompt_text = ">>> |\\$ "
copybutton_prompt_is_regexp = True

# Without a network the second location is used: torch.inv lists the few types of our signatures,
# so that the build has the same links and no warning.
intersphinx_mapping = {"torch": ("https://docs.pytorch.org/docs/stable/", (None, "torch.inv"))}
intersphinx_timeout = 5

html_theme = "pydata_sphinx_theme"
html_title = "eqsets"
html_theme_options = {
    "header_links_before_dropdown": 4,  # more would wrap
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_show_sourcelink = False
html_sidebars = {"**": []}
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["formulas.css"]


def _formula(self: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers render natively: no script, no network."""
    block = isinstance(node, nodes.math_block)
    self.body.append(convert(node.astext(), display="block" if block else "inline"))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
