"""Rects and hints by file, out of a CSV."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bgremove.batch.spreadsheets import Dialect, advice, opened_table, whole_number
from bgremove.errors import RectError, UsageError
from bgremove.paths import StrPath, absolute, display_name, printable
from bgremove.types import DrawnRect, Rect, as_rect
from bgremove.url import Location, Url, located

T = TypeVar("T")

COLUMNS = ("path", "x", "y", "width", "height")
"""Which a table of rects must have."""

SIZE_COLUMNS = ("image_width", "image_height")
"""Which may say how large the image was that a rect was drawn on."""

HINTS = "hints"
"""The column that names an image of hints, where there is one."""


@dataclass(frozen=True, slots=True)
class RectTable:
    """A CSV of rects, by absolute image path or URL; see `read_table`."""

    columns: tuple[str, ...]
    lines: dict[str, dict[str, str]]
    """What stands in the file, by column."""
    rects: dict[str, Rect | None]
    """None where a line has no numbers: the margin says what is background there."""
    hints: dict[str, Location]
    """Images of hints, see `bgremove.hints`, for those that have one."""
    dialect: Dialect = field(default_factory=Dialect)
    """How it is written."""


def by_file(option: str, given: Mapping[Any, T]) -> dict[str, T]:
    """What is given for files, whatever they are called by, by their absolute paths or URLs."""
    if not isinstance(given, Mapping):
        raise UsageError(f"{option} is {given!r}; it must be a mapping from files, such as read_table makes of a CSV")
    return {absolute(located(name)): value for name, value in given.items()}


def rects_by_file(given: Mapping[Any, Sequence[int] | None]) -> dict[str, Rect | None]:
    """The rects of a caller by absolute path or URL; `RectError` that names the file of one that is none."""
    rects: dict[str, Rect | None] = {}
    for path, rect in by_file("rects", given).items():
        try:
            plain = None if rect is None else as_rect(rect)
            rects[path] = rect if isinstance(rect, DrawnRect) else plain
        except RectError as error:
            raise RectError(f"{display_name(path)}: {error}") from error
    return rects


def no_line(path: Location, rects: Iterable[str]) -> RectError:
    """What to raise where there is no rect for a file: it may be among them, but under another name."""
    wanted = _likeness(path.name)
    near = next((name for name in rects if _likeness(re.split(r"[/\\]", name)[-1]) == wanted), None)
    advice = ": add one, or leave the file out" if near is None else (
        f", but one for {display_name(near)}: names in a table are relative to its folder, in UTF-8, and otherwise as "
        "they are here"
    )  # fmt: skip
    return RectError(f"{display_name(path)}: the rects hold no line for this file{advice}")


def _likeness(name: str) -> str:
    """Equal for names that a person may take for one: whatever their case, their accents' form, or another encoding."""
    latin = re.sub("[\udc80-\udcff]", lambda byte: chr(ord(byte[0]) - 0xDC00), name)
    return unicodedata.normalize("NFC", latin).casefold()


def read_table(file: StrPath) -> RectTable:
    """A CSV with the columns ``path,x,y,width,height``, and ``image_width,image_height`` and ``hints`` or not.

    Paths are relative to the CSV's folder, unless they are URLs. A line may leave all four numbers out, or those of the
    image; with them the rect is a `DrawnRect`. As spreadsheets write it, semicolons or tabs may stand for the commas,
    or what a line ``sep=|`` above says, UTF-16 with its mark for UTF-8; capitals and spaces in the first line and lines
    with nothing in them are passed over; 20.0 is a whole number. Raises `RectError` that names the line.
    """
    file = Path(file)
    lines: dict[str, dict[str, str]] = {}
    rects: dict[str, Rect | None] = {}
    hints: dict[str, Location] = {}
    try:
        with opened_table(file) as (dialect, text):
            rows = csv.DictReader(text, strict=True, delimiter=dialect.delimiter)
            rows.fieldnames = columns = _checked(rows.fieldnames or (), display_name(file))
            for row in rows:
                where = f"{display_name(file)}, line {rows.line_num + dialect.lines_before}"
                if any(row.pop(None, ())):
                    raise RectError(f"{where}: there is more in it than the first line names; quote a name with commas")
                line = {column: row[column] or "" for column in columns}
                if not any(map(str.strip, line.values())):
                    continue
                rect, path = _rect(line, where), absolute(_place(line["path"], where, file.parent))
                if rects.setdefault(path, rect) != rect:
                    name = display_name(line["path"])
                    raise RectError(f"{where}: {name} has another rect in a line before it")
                lines[path] = line
                if line.get(HINTS):
                    hints[path] = _place(line[HINTS], where, file.parent)
    except (OSError, csv.Error, UnicodeError) as error:
        raise RectError(f"{display_name(file)}: the rects cannot be read: {error}") from error
    return RectTable(columns, lines, rects, hints, dialect)


def _checked(named: Sequence[str], file: str) -> tuple[str, ...]:
    """The columns of a table, if those that it needs are among them, and none twice."""
    columns = tuple(map(partial(_column, others=named), named))
    if not set(COLUMNS) <= set(columns):
        wanted = f"the columns {','.join(COLUMNS)}, with commas, semicolons or tabs between them, in UTF-8 or UTF-16"
        raise RectError(f"{file}: its first line must name {wanted}")
    for column in (*COLUMNS, *SIZE_COLUMNS, HINTS):
        if columns.count(column) > 1:
            raise RectError(f"{file}: its first line names the column {column} twice")
    return columns


def _column(name: str, others: Sequence[str]) -> str:
    """The column that is meant by a `name` in the first line."""
    plain = name.strip().lower()
    return plain if plain in {*COLUMNS, *SIZE_COLUMNS, HINTS} and plain not in others else name


def _place(name: str, where: str, folder: Path) -> Location:
    """What a name in a line means, which is relative to `folder`."""
    try:
        place = located(name)
    except UsageError as error:
        raise RectError(f"{where}: {error}") from error
    return place if isinstance(place, Url) else folder / place


def _rect(line: dict[str, str], where: str) -> Rect | None:
    """The rect of a line, which must hold a path too; None where it has no numbers."""
    if line["path"] and not any(line[column].strip() for column in COLUMNS[1:]):
        return None
    if not line["path"] or not all(line[column].strip() for column in COLUMNS[1:]):
        raise RectError(f"{where}: it must hold a path, and x, y, width and height as whole numbers, or none of these")
    rect = Rect(*(_number(line, column, where) for column in COLUMNS[1:]))
    sizes = [column for column in SIZE_COLUMNS if line.get(column, "").strip()]
    if not sizes:
        return rect
    width, height = (_number(line, column, where) if column in sizes else 0 for column in SIZE_COLUMNS)
    if min(width, height) < 1:
        raise RectError(f"{where}: {' and '.join(SIZE_COLUMNS)} must be whole numbers, or both left out")
    return DrawnRect(rect, height=height, width=width)


def _number(line: dict[str, str], column: str, where: str) -> int:
    """What stands in a column of a line; `RectError` that says what to do if it is no number of pixels."""
    number = whole_number(line[column])
    if number is None:
        raise RectError(f"{where}: {column} is {printable(line[column].strip())}, which is {advice(line[column])}")
    return number
