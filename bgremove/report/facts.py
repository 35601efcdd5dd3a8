"""Facts of a machine or of settings, nested and with units in their names, as rows that people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bgremove.paths import printable


def rows_of(facts: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Pairs of a name and a text for each fact, those of a mapping inside it with its name before theirs."""
    rows = []
    for name, value in facts.items():
        title = f"{before}{name.removesuffix('_bytes').replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += rows_of(value, "" if name == "libraries" else f"{title}: ")
        else:
            rows.append((printable(title), _fact(name, value)))
    return rows


def _fact(name: str, value: Any) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{value / 2**30:.1f} GiB"
    if isinstance(value, list | tuple):
        return ", ".join(printable(str(each)) for each in value)
    return "none" if value is None else printable(str(value))
