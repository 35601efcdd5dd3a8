"""Rects by file, out of a CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from bgremove.errors import RectError
from bgremove.paths import absolute, display_name
from bgremove.types import Rect
from bgremove.url import Url, located


def read_rects(file: Path) -> dict[str, Rect]:
    """Rects by absolute image path or URL, out of a CSV with the columns ``path,x,y,width,height``.

    Paths are relative to the CSV's folder. Raises `RectError` that names the line.
    """
    rects: dict[str, Rect] = {}
    columns = ["path", "x", "y", "width", "height"]
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            rows = csv.DictReader(stream)
            if not set(columns) <= set(rows.fieldnames or ()):
                raise RectError(f"{display_name(file)}: its first line must name the columns {','.join(columns)}")
            for row in rows:
                try:
                    rect = Rect(*(int(row[column]) for column in columns[1:]))
                    place = located(row["path"])
                except (TypeError, ValueError) as error:
                    where = f"{display_name(file)}, line {rows.line_num}"
                    raise RectError(
                        f"{where}: it must hold a path, and x, y, width and height as whole numbers"
                    ) from error
                rects[absolute(place if isinstance(place, Url) else file.parent / place)] = rect
    except (OSError, csv.Error) as error:
        raise RectError(f"{display_name(file)}: the rects cannot be read: {error}") from error
    return rects
