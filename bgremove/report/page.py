"""A page that holds all that it shows: one file, which opens from a mail attachment and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from bgremove import __version__
from bgremove.paths import command_line, display_name, printable
from bgremove.report.drawing import Plot
from bgremove.report.facts import rows_of
from bgremove.report.figures import STAGES, best_of, image_times_s, loop_of
from bgremove.report.gallery import Picture, shown_first
from bgremove.report.report import Report
from bgremove.report.words import cards, strategies_note, strategies_table

_TEMPLATES = files("bgremove.report") / "templates"


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a table that can be sorted, and the number to sort by where it is one."""

    text: str
    number: float | None = None


def render(template: str, *, loader: jinja2.BaseLoader | None = None, **context: Any) -> str:
    """The page that a template makes, in the common dress. Everything is escaped but our own style and script.

    `loader` finds templates besides those of this package, which they may extend. `context` holds ``title``,
    ``answer``, ``sections`` (pairs of id and heading), ``plots``, and what else the template names.
    """
    own = jinja2.PackageLoader("bgremove.report")
    environment = jinja2.Environment(
        loader=own if loader is None else jinja2.ChoiceLoader([loader, own]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    script = (_TEMPLATES / "table.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template(template).render(
        style=Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=f"sha256-{digest}",
        version=__version__,
        **context,
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def plot_for_page(plot: Plot) -> dict[str, Any]:
    """A plot as the templates take it."""
    svg = Markup(plot.inline_svg())  # noqa: S704 - matplotlib escapes text
    return {"name": plot.name, "title": plot.title, "words": plot.words, "table": plot.table, "svg": svg}


def page(report: Report, plots: Sequence[Plot], pictures: Sequence[Picture] = ()) -> str:
    """The page of a report."""
    figures = [("figures", "Figures"), *((plot.name, plot.title) for plot in plots)]
    gallery = [("gallery", "Gallery")]
    gallery_first = report.kind == "remove" and bool(pictures)  # what came out before how long it took
    sections = [
        *(gallery + figures if gallery_first else figures + gallery),
        ("images", "Images"),
        ("environment", "Environment and settings"),
        ("command", "Repeat this"),
    ]
    headings, rows = _image_table(report, pictures)
    return render(
        "run.html.j2",
        title={"compare": "Does parallel pay?", "remove": "Background removal"}[report.kind],
        answer=printable(report.answer.replace("`", "")),
        choice=printable(report.choice.replace("`", "")),
        sections=sections,
        gallery_first=gallery_first,
        cards=cards(report),
        strategies=strategies_table(report),
        strategies_note=strategies_note(report),
        plots=[plot_for_page(plot) for plot in plots],
        failed=[
            (display_name(row.path), printable(row.error or "")) for row in report.images if row.status == "failed"
        ],
        pictures=[_picture(picture) for picture in pictures],
        gallery_words=shown_first(pictures) if pictures else "This report was made without pictures.",
        images_words=_images_words(report),
        image_headings=headings,
        image_rows=rows,
        environment=rows_of(report.environment),
        settings=rows_of(report.settings),
        command=command_line(report.command),
    )


def _picture(picture: Picture) -> dict[str, Any]:
    rect = picture.rect
    return {
        "name": display_name(picture.path),
        "notes": [printable(note) for note in picture.notes],
        "left": round(100 * rect.x / picture.width, 2),
        "top": round(100 * rect.y / picture.height, 2),
        "width": round(100 * rect.width / picture.width, 2),
        "height": round(100 * rect.height / picture.height, 2),
        **{kind: getattr(picture, kind) for kind in ("original", "cutout", "mask", "difference")},
    }


def _images_words(report: Report) -> str:
    failed = sum(row.status == "failed" for row in report.images)
    times = "Times are medians over the rounds. " if report.kind == "compare" else ""
    order = "Failed ones come first. " if failed else ""
    return f"{times}{order}Choose a heading to sort by it."


def _image_table(report: Report, pictures: Sequence[Picture]) -> tuple[list[str], list[list[Cell]]]:
    """Read, segment and write as the first strategy did them, and the whole under the best parallel one."""
    first = loop_of(report) or next(iter(report.contenders), None)
    best = best_of(report)
    stages = [None] * len(report.images) if first is None else image_times_s(first, len(report.images))
    beside = [None] * len(report.images) if best is None else image_times_s(best, len(report.images))
    seen = {picture.path: picture.notes for picture in pictures}
    headings = ["image", "megapixels", "read, ms", "segment, ms", "write, ms", "all, ms"]
    headings += [f"{best.title}, ms"] if best is not None else []
    rows = []
    for row, own, other in zip(report.images, stages, beside, strict=True):
        notes = [row.status, *filter(None, [row.error]), *row.warnings, *row.doubts, *seen.get(row.path, ())]
        cells = [Cell(display_name(row.path)), _number(row.pixels / 1e6 or None, 2)]
        cells += [_number(None if own is None else 1e3 * own[stage], 1) for stage in range(len(STAGES))]
        cells.append(_number(None if own is None else 1e3 * sum(own), 1))
        if best is not None:
            cells.append(_number(None if other is None else 1e3 * sum(other), 1))
        cells.append(Cell(printable("; ".join(dict.fromkeys(notes)))))
        rows.append((row.status != "failed", cells))
    return [*headings, "what became of it"], [cells for _, cells in sorted(rows, key=lambda each: each[0])]


def _number(value: float | None, digits: int) -> Cell:
    return Cell("") if value is None else Cell(f"{value:.{digits}f}", round(value, 4))
