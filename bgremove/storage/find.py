"""From a URL, or a pattern, to the files that are meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from bgremove.storage.base import Entry, Store
from bgremove.storage.create import store_of
from bgremove.url import Url

_MAGIC = re.compile(r"[*?[]")


Choosing = Callable[[Sequence[Entry]], Iterable[Entry]]
"""Gives those of the files of a tree that are gone down to."""


def find(url: Url, *, recursive: bool, choosing: Choosing = iter) -> tuple[bool, Iterator[Entry]]:
    """Whether single files are meant, by name or pattern, and the files: else those in the folder `url`, as listed.

    What is in a folder comes as `Store.entries` gives it; a pattern with ``**`` matches what is chosen by `choosing`.
    Raises OSError, also while they are drawn.
    """
    store = store_of(url)
    if (file := store.look_up(url)) is not None:  # may be called a[1].jpg: what exists is meant literally
        return True, iter([Entry(file, file.name)])
    if _MAGIC.search(url.key):
        return True, _matching(store, url, choosing)
    return False, store.entries(url, recursive=recursive)


def _matching(store: Store, pattern: Url, choosing: Choosing) -> Iterator[Entry]:
    """Files that a pattern as that of a shell matches; ``**`` stands for any number of folders."""
    base = pattern
    while _MAGIC.search(base.key):
        base = base.parent
    wanted = pattern.key.removeprefix(base.key).strip("/").split("/")
    entries: Iterable[Entry] = store.entries(base, recursive=len(wanted) > 1)
    for entry in choosing(list(entries)) if "**" in wanted else entries:
        if _matches(entry.relative.split("/"), wanted):
            yield Entry(entry.url, entry.url.name)


def _matches(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted or not parts:
        return not wanted and not parts
    if wanted[0] == "**":
        return any(_matches(parts[start:], wanted[1:]) for start in range(len(parts)))
    hidden = parts[0].startswith(".") and not wanted[0].startswith(".")
    return not hidden and fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])
