"""``python -m benchmarks.tables`` writes the tables of docs/figures.md anew, from the results that are kept.

They stand between comments: ``<!-- name -->`` and ``<!-- /name -->``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import choice, figures, files, limit, masks, million, speed
from benchmarks.scaling import parts, tables
from benchmarks.study import race, study

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "figures.md"


def _of_json(file: Path, make: Callable[[Any], str]) -> str:
    return make(json.loads(file.read_text(encoding="ascii")))


TABLES = {
    "speed": partial(_of_json, speed.KEPT, speed.tables),
    "limit": partial(_of_json, limit.KEPT, limit.table),
    "masks": partial(_of_json, masks.KEPT, masks.table),
    "files": partial(_of_json, files.KEPT, files.tables),
    "million": partial(_of_json, million.KEPT, million.table),
    "choice": partial(_of_json, choice.KEPT, choice.tables),
    "scaling": partial(_of_json, parts.KEPT, tables.tables),
    "suite": partial(_of_json, figures.KEPT, figures.section),
    "study": partial(study.section, FOLDER / "results" / "study"),
    "race": partial(race.section, FOLDER / "results" / "race"),
}


def replaced(page: str, name: str, table: str) -> str:
    r"""The page with `table` in the place called `name`; ValueError if it has no such place.

    >>> replaced("Sizes:\n<!-- sizes -->\nold\n<!-- /sizes -->\nEnd.\n", "sizes", "new\n").splitlines()
    ['Sizes:', '<!-- sizes -->', 'new', '<!-- /sizes -->', 'End.']
    """
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, opened, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"the page has no place for this: put the lines {start.strip()} and {end.strip()} into it")
    return f"{before}{start}{table}{end}{after}"


def written(page: str) -> str:
    """The page with all of `TABLES`."""
    for name, make in TABLES.items():
        page = replaced(page, name, make())
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
