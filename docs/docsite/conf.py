"""How Sphinx builds the site."""

from pathlib import Path
from typing import Dict, List

from recbole_poem import __version__

project = "recbole_poem"
author = "the authors of recbole_poem"
release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]

# -- what is read -----------------------------------------------------------------------------
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/*.rst",
    "docs/experiments/*.md",
    "components/**",
    "generated/**",
    "notebooks/*.ipynb",
    "benchmarks/README.md",
    "benchmarks/results/*/*.md",
]
templates_path = [str(Path(__file__).parent / "templates")]  # autosummary counts from elsewhere
myst_heading_anchors = 4  # as GitHub has them
nb_execution_mode = "off"  # `make notebooks` runs them
smartquotes = False  # primes and minus signs of equations
default_role = "code"  # names of the package between single backticks

# -- what is read of docstrings ---------------------------------------------------------------
autosummary_generate = True
autodoc_typehints = "none"  # the sections of the docstrings have shapes and units
numpydoc_show_class_members = False

# -- what it looks like -----------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "recbole_poem"
html_static_path = ["static"]
html_extra_path = ["root"]  # index.html leads to docs/index.html
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars: Dict[str, List[str]] = {
    f"docs/{name}": [] for name in ("index", "results", "serving", "world")
}  # no pages below
html_theme_options = {
    "show_prev_next": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_nav_level": 1,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
