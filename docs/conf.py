"""How Sphinx makes the documentation: `tox -e docs`, with warnings as errors, so that no link leads to nothing.

Sphinx, since Material for MkDocs ends in 2027; furo, since its pages ask no other server for anything.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

project = "bgremove"
copyright = "the bgremove authors"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
html_theme = "furo"
html_title = "bgremove"
html_show_sourcelink = False
exclude_patterns = ["_build"]
nitpicky = True
# names of other libraries, of private modules, and type variables, which have no page here
nitpick_ignore_regex = [("py:.*", r"(?!bgremove\.).*"), ("py:.*", r"bgremove\.(.*\.)?(_.*|[TR])$")]
# docstrings write `name` for code, as Markdown does
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
myst_heading_anchors = 3


def draw_pictures(app: Any) -> None:  # noqa: ARG001 - Sphinx passes it
    """Draw the steps of GrabCut before the pages are read."""
    runpy.run_path(str(FOLDER / "pictures.py"))["draw"](FOLDER / "pictures")


def end_parameters(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Prose after a list of parameters is a note, and no parameter: unlike one, it has no indented lines below it."""
    inside = False
    for index in range(1, len(lines)):
        line, following = lines[index], next(iter(lines[index + 1 : index + 2]), "")
        if following and set(following) == {"-"}:
            inside = True
        elif inside and line and not lines[index - 1] and line[0] != " " and not following.startswith(" "):
            lines[index:index] = ["Notes", "-----"]
            return


def setup(app: Any) -> None:
    """What Sphinx calls first."""
    app.connect("builder-inited", draw_pictures)
    app.connect("autodoc-process-docstring", end_parameters, priority=400)  # before napoleon reads it
