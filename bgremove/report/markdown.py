"""A report as Markdown, for a pull request: what the page says, in tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bgremove.paths import command_line, display_name, printable
from bgremove.report.drawing import Plot, Table
from bgremove.report.facts import rows_of
from bgremove.report.gallery import Picture
from bgremove.report.report import Report
from bgremove.report.words import cards, strategies_note, strategies_table

_MOST_LINES = 50


def markdown(report: Report, plots: Sequence[Plot], pictures: Sequence[Picture] = ()) -> str:
    """The whole text. Names of files stand in code spans, in which nothing is Markdown or HTML."""
    return "\n".join(_lines(report, plots, pictures)) + "\n"


def _lines(report: Report, plots: Sequence[Plot], pictures: Sequence[Picture]) -> Iterator[str]:
    yield f"**{plain(report.answer.replace('`', ''))}**"
    if report.choice:
        yield ""
        yield plain(report.choice.replace("`", ""))
    yield ""
    yield from _table(Table(("", "", ""), tuple((card.name, card.value, card.note) for card in cards(report))))
    yield from _table(strategies_table(report))
    yield plain(strategies_note(report))
    yield ""
    notes = [(row.path, row.error or "failed") for row in report.images if row.status == "failed"]
    notes += [(row.path, doubt) for row in report.images for doubt in row.doubts]
    notes += [(picture.path, doubt) for picture in pictures for doubt in picture.doubts]
    yield from _list("Failed and doubtful images", list(dict.fromkeys(notes)))
    for plot in plots:
        yield from _folded(plot.title, [plain(plot.words), "", *_table(plot.table)])
    facts = tuple(rows_of(report.environment) + rows_of(report.settings))
    yield from _folded("Environment, settings, command", [*_table(Table(("", ""), facts)), *_fenced(report)])


def _list(title: str, notes: Sequence[tuple[str, str]]) -> Iterator[str]:
    if notes:
        yield f"{title}:"
        yield ""
        yield from (f"- {code(display_name(path))}: {plain(text)}" for path, text in notes[:_MOST_LINES])
        if len(notes) > _MOST_LINES:
            yield f"- and {len(notes) - _MOST_LINES} more"
        yield ""


def _folded(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"<details><summary>{plain(title)}</summary>"
    yield ""
    yield from lines
    yield "</details>"
    yield ""


def _fenced(report: Report) -> Iterator[str]:
    line = command_line(report.command)
    fence = "`" * max(3, _longest_run(line) + 1)
    yield from (f"{fence}console", f"$ {line}", fence, "")


def _table(table: Table) -> Iterator[str]:
    yield _row(table.headings)
    yield "| --- |" + " ---: |" * (len(table.headings) - 1)
    yield from (_row(row) for row in table.rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def plain(text: str) -> str:
    r"""Text in which nothing is Markdown, HTML, a link or a mention.

    >>> plain("<img src=x> *all* @me"), plain("of 0.3 (0.1 to 0.5)")
    ('\\<img src=x\\> \\*all\\* \\@me', 'of 0.3 (0.1 to 0.5)')
    """
    return re.sub(r"([\\`*_\[\]<>|#@~&!])", r"\\\1", printable(text))


def code(text: str) -> str:
    """A code span that shows `text` as it is.

    >>> code("a.jpg"), code("`")
    ('`a.jpg`', '`` ` ``')
    """
    fence = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
