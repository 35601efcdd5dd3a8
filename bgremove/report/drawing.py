"""How plots look, and how they become SVG: inline in a page, in its colours, or files of their own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

INK = "#1b1f24"
MUTED = "#57606a"
GRID = "#d0d7de"
BLUE = "#0072b2"
ORANGE = "#c44e00"
GREEN = "#008a65"
PURPLE = "#9a4d86"
SKY = "#6fb7e2"
"""After Okabe and Ito, told apart with any kind of colour vision, and by lightness alone where they touch."""

_IN_PAGE = {INK: "ink", MUTED: "muted", GRID: "grid", BLUE: "blue", ORANGE: "orange", GREEN: "green",
            PURPLE: "purple", SKY: "sky"}  # fmt: skip
"""The page's names for these colours, which are others in the dark."""

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text, in the reader's font
    "svg.hashsalt": "bgremove",  # the same plot is the same bytes
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "normal",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of a plot, for those who do not see it. The first column names the row."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its alternatives: what it shows in words, and its numbers."""

    name: str
    title: str
    words: str
    table: Table
    height_in: float
    draw: Callable[[Figure], None]
    """Draws on an empty figure, eight inches wide."""

    def inline_svg(self) -> str:
        """For a page: no ids that could clash, its colours those of the page. The words are its name."""
        text = self._rendered("svg", background="none").decode("utf-8")
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
        referenced = set(re.findall(r"[(\"]#([\w-]+)[)\"]", text))
        text = re.sub(
            r' id="([^"]*)"', lambda m: f' id="{self.name}-{m[1]}"' if m[1] in referenced else "", text
        )  # fmt: skip
        text = re.sub(r"([(\"])#([\w-]+)([)\"])", rf"\1#{self.name}-\2\3", text)
        for colour, name in _IN_PAGE.items():
            text = text.replace(colour, f"var(--{name})")
        text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
        head = f'<svg role="img" aria-labelledby="{self.name}-title" aria-describedby="{self.name}-words"'
        return text.replace("<svg", f'{head} stroke-linejoin="round" stroke-linecap="butt"', 1)

    def file(self, file_format: str) -> bytes:
        """For a file: ``svg`` or ``png``, on white."""
        return self._rendered(file_format, background="white")

    def _rendered(self, file_format: str, background: str) -> bytes:
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=(8, self.height_in), dpi=150, facecolor=background, layout="constrained")
            self.draw(figure)
            content = io.BytesIO()
            # `Figure.savefig` would draw it all once more, to lay it out before: drawing does that itself
            if file_format == "svg":
                FigureCanvasSVG(figure).print_svg(content, metadata={"Date": None})  # type: ignore[no-untyped-call]
            else:
                FigureCanvasAgg(figure).print_png(content)  # type: ignore[no-untyped-call]
        return content.getvalue()


def rows_axis(axes: Axes, labels: Sequence[str]) -> None:
    """A row for each label, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def blocks(axes: Axes, boxes: Iterable[tuple[float, float, float, float]], colour: str) -> None:
    """Many rectangles ``(left, right, bottom, top)`` as one shape, which a page of thousands can hold."""
    corners = [
        ((left, bottom), (left, top), (right, top), (right, bottom), (left, bottom))
        for left, right, bottom, top in boxes
    ]
    if corners:
        codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY] * len(corners)
        outline = Outline(np.concatenate(corners), codes)
        axes.add_patch(PathPatch(outline, facecolor=colour, edgecolor="none"))


def ticks(axes: Axes, xs: Sequence[float], ys: NDArray[np.float64], half: float, colour: str) -> None:
    """Many short vertical lines as one shape."""
    if xs:
        ends = np.stack([np.column_stack([xs, ys - half]), np.column_stack([xs, ys + half])], axis=1)
        codes = [Outline.MOVETO, Outline.LINETO] * len(xs)
        outline = Outline(ends.reshape(-1, 2), codes)
        axes.add_patch(PathPatch(outline, facecolor="none", edgecolor=colour, linewidth=1.3, alpha=0.8))
