"""From what the user names to the image files that are meant."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from glob import has_magic
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from bgremove.batch.tree import JOURNAL_PREFIX, LINKED, RESULTS, Tree, Unusable
from bgremove.errors import ImageError, UsageError
from bgremove.formats import SUFFIXES, UNREAD_SUFFIXES, looks_like_image
from bgremove.packed import Packed
from bgremove.paths import StrPath, absolute, display_name
from bgremove.storage import Entry, find, packed
from bgremove.url import Location, Url, located


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, in little memory: of its path, what is below the folder that others are in too."""

    place: Location
    """The folder, or in a store the file itself."""
    below: str
    """Its path relative to the input that it was found under; from `place` if that is here."""

    @property
    def path(self) -> Location:
        """Its name."""
        return self.place if isinstance(self.place, Url) else self.place / self.below

    @property
    def relative(self) -> Path:
        """`below`, as a path."""
        return Path(self.below)


class Found(NamedTuple):
    """What there is under the inputs."""

    sources: Sequence[Source]
    unusable: list[Unusable]
    left_out: dict[str, int]
    """How many files in folders look like photographs and are not read, by suffix in lower case; under `LINKED` and
    `RESULTS`, how many links to folders and folders of results there are."""


def find_sources(
    inputs: StrPath | Url | Iterable[StrPath | Url], *, recursive: bool = False, exclude: Location | None = None
) -> Found:
    """All image files under files, folders and glob patterns, one or many; each once, in the order they are found in.

    Folders give the images directly in them, told by their suffix and sorted by name, or with `recursive` those of
    the whole tree. Left out and counted is what else looks like a photograph: by its suffix, such as ``.cr2``, or by
    how it begins, if its suffix says nothing or there is none; named, it is read. So are links to folders in the tree,
    which may lead round in a circle. Not worth a word are other files, hidden ones, and the folder `exclude`, where
    the outputs go. Raises `UsageError` if that is itself an input. Of a folder in S3 only the names are looked at, in
    one request for each thousand: whatever has no suffix is counted there, and nothing whose suffix is of another kind.
    """
    groups: list[Sequence[Source]] = []
    unusable: list[Unusable] = []
    left_out: Counter[str] = Counter()
    skip = None if exclude is None or isinstance(exclude, Url) else os.path.realpath(exclude)
    tree = Tree(skip, unusable, left_out)
    for path in _expand(inputs, tree, unusable):
        if isinstance(path, Url):
            _refuse_output(path, path == exclude)
            found: Sequence[Source] = _in_store(path, recursive, exclude, unusable, left_out)
        elif os.path.isdir(path):
            _refuse_output(path, os.path.realpath(path) == skip)
            in_folder = _in_folder(path, recursive, tree, left_out)
            found = Packed(in_folder, partial(Source, path))
        elif reason := _why_absent(path):
            unusable.append(Unusable(path, ImageError(f"{display_name(path)}: {reason}")))
            continue
        else:
            found = [Source(path.parent, path.name)]
        groups.append(found)
    return Found(_each_once(groups), unusable, dict(left_out))


def _each_once(groups: Sequence[Sequence[Source]]) -> Sequence[Source]:
    """The sources of all groups. In one group there are none twice."""
    if len(groups) == 1:
        return groups[0]
    sources: dict[str, Source] = {}
    for source in chain.from_iterable(groups):
        sources.setdefault(absolute(source.path), source)  # (resolve() would follow links)
    return list(sources.values())


def left_out_text(left_out: Mapping[str, int]) -> str | None:
    """A line about what was left out, the most frequent kind of files first; None if that is nothing.

    >>> left_out_text({".jxl": 1, ".cr2": 2, "": 1})
    '4 files were left out: 2 .cr2, 1 .jxl, 1 without suffix'
    >>> left_out_text({LINKED: 1})
    '1 linked folder was left out: links are not followed, name it to read what is in it'
    """
    files = {suffix: count for suffix, count in left_out.items() if suffix not in {LINKED, RESULTS}}
    kinds = sorted(files.items(), key=lambda item: (-item[1], not item[0], item[0]))
    listed = ", ".join(f"{count} {display_name(suffix) or 'without suffix'}" for suffix, count in kinds)
    parts = (
        ("file", sum(files.values()), listed),
        ("linked folder", left_out.get(LINKED, 0), "links are not followed, name it to read what is in it"),
        ("folder", left_out.get(RESULTS, 0), "a journal says that it holds earlier results, name it to read them"),
    )
    lines = [f"{n} {what}{' was' if n == 1 else 's were'} left out: {which}" for what, n, which in parts if n]
    return "; ".join(lines) or None


def no_image(
    inputs: StrPath | Url | Iterable[StrPath | Url], left_out: Mapping[str, int], unusable: Iterable[Unusable] = ()
) -> UsageError:
    """What to raise where there is none among the inputs, with the reasons that are known."""
    named = [inputs] if isinstance(inputs, str | os.PathLike | Url) else list(inputs)
    nothing = f"there is no image under {', '.join(map(display_name, named))}" if named else "there is no image named"
    reasons = [str(each.error) for each in unusable] or [nothing]
    return UsageError("; ".join(filter(None, [*reasons, left_out_text(left_out)])))


def refuse_pictures(path: Path, inputs: Iterable[Location], output: Location | None = None) -> None:
    """Raise `UsageError` if the folder or file `path` of pictures lies in a folder of photographs, but for `output`."""
    place = Path(os.path.realpath(path))
    if isinstance(output, Path) and place.is_relative_to(os.path.realpath(output)):
        return  # known by its journal
    for folder in inputs:
        if isinstance(folder, Path) and os.path.isdir(folder) and place.is_relative_to(os.path.realpath(folder)):
            raise UsageError(
                f"{display_name(path)} lies in the input {display_name(folder)}, so that a later run would take it for "
                "photographs: choose another place"
            )


def _refuse_output(path: Location, is_output: bool) -> None:
    if is_output:
        raise UsageError(
            f"{display_name(path)} is an input and the output at once, so that the next run would take results "
            "for inputs: choose another output folder"
        )


def _expand(
    inputs: StrPath | Url | Iterable[StrPath | Url], tree: Tree, unusable: Sequence[Unusable]
) -> Iterator[Location]:
    for item in [inputs] if isinstance(inputs, str | bytes | os.PathLike | Url) else _iterated(inputs):
        place = located(item)
        if isinstance(place, Url):
            yield place
            continue
        # A file may really be called `a[1].jpg`: what exists is meant literally.
        if not has_magic(os.fspath(place)) or os.path.lexists(place):
            yield place
            continue
        told = len(unusable)
        matches = tree.matches(place)
        yield from matches
        if not matches and len(unusable) == told:
            yield place


def _iterated(inputs: Iterable[StrPath | Url]) -> Iterable[StrPath | Url]:
    """`inputs`, if there may be several; else as one, that it may be refused as one."""
    return inputs if isinstance(inputs, Iterable) else [inputs]


def _why_absent(path: Path) -> str | None:
    """Why there is nothing called `path`; None if there is something."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "there is no such file, folder or match"
    except OSError as error:
        return f"it cannot be reached ({error.strerror})"
    except ValueError as error:  # a null character in the name
        return f"it cannot be reached ({error})"
    return None


def _in_folder(folder: Path, recursive: bool, tree: Tree, left_out: Counter[str]) -> Iterator[str]:
    """The images in a folder, by their paths relative to it."""
    start = len(os.path.join(folder, ""))
    for parent, _, files in tree.walk(folder, recursive=recursive):
        below = os.path.join(parent, "")[start:]
        for name in files:
            suffix = _suffix(name)
            if name.startswith("."):
                continue
            if suffix in SUFFIXES:
                yield below + name
            elif suffix in UNREAD_SUFFIXES or looks_like_image(Path(parent, name)):
                left_out[suffix] += 1


def _suffix(name: str) -> str:
    """The suffix of a file in lower case; a dot at the end is none."""
    return os.path.splitext(name)[1].lower().rstrip(".")


def _in_store(
    url: Url, recursive: bool, skip: Location | None, unusable: list[Unusable], left_out: Counter[str]
) -> Sequence[Source]:
    try:
        choosing = partial(_outside_results, skip=skip, left_out=left_out)
        single, entries = find(url, recursive=recursive, choosing=lambda found: choosing(found, found))
        journals: list[Entry] = []
        listed = list(entries) if single else packed(url, _noting_journals(entries, journals), Entry)
        chosen = listed if single or not recursive else choosing(listed, journals)
        meant = (entry for entry in chosen if _is_meant(entry, single, unusable, left_out))
        if listed:
            return [Source(*entry) for entry in meant] if single else packed(url, meant, Source)
        reason = "there is no such file, folder or match"
    except OSError as error:
        reason = f"it cannot be reached ({error.strerror})"
    unusable.append(Unusable(url, ImageError(f"{display_name(url)}: {reason}")))
    return []


def _is_meant(entry: Entry, single: bool, unusable: list[Unusable], left_out: Counter[str]) -> bool:
    """Whether a file in a store is an image to read; what is to be said of others is added or counted."""
    parts = entry.relative.split("/")
    misleading = any(map(_misleads, parts))
    if not single and any(part.startswith(".") for part in parts) and not misleading:
        return False
    suffix = _suffix(parts[-1])
    if misleading and (single or suffix in SUFFIXES):
        error = ImageError(f"{display_name(entry.url)}: no file can be called like that: rename it")
        unusable.append(Unusable(entry.url, error, entry.relative))
        return False
    if single or suffix in SUFFIXES:
        return True
    if suffix in UNREAD_SUFFIXES or _may_be_image(entry.url):
        left_out[suffix] += 1
    return False


def _noting_journals(entries: Iterable[Entry], journals: list[Entry]) -> Iterator[Entry]:
    """The `entries`, of which those that may be journals are added to `journals` as they are drawn."""
    for entry in entries:
        if JOURNAL_PREFIX in entry.relative:
            journals.append(entry)
        yield entry


def _outside_results(
    entries: Sequence[Entry], journals: Iterable[Entry], skip: Location | None, left_out: Counter[str]
) -> Iterable[Entry]:
    """Those that are neither in the folder `skip` nor, like in `Tree`, in one below that holds earlier results.

    Of `journals`, which are among the entries, not all need be some.
    """
    names = (each.relative for each in journals if not _is_in(each, skip))
    journaled = (name.rpartition("/")[0] for name in names if name.rpartition("/")[2].startswith(JOURNAL_PREFIX))
    results = {folder for folder in journaled if "/." not in f"/{folder}"} - {""}

    @cache
    def result_with(folder: str) -> str:
        """The folder on top that holds results, of those that `folder` is in."""
        return folder and (result_with(folder.rpartition("/")[0]) or (folder if folder in results else ""))

    if results:
        left_out[RESULTS] += len({result_with(folder) for folder in results})
    return (
        each
        for each in entries
        if not _is_in(each, skip) and not (results and result_with(each.relative.rpartition("/")[0]))
    )


def _may_be_image(url: Url) -> bool:
    """Whether a file of no known suffix is counted: in S3, where each look is a request, if there is no suffix."""
    return not url.suffix and url.size != 0 if "s3" in url.stores else looks_like_image(url)


def _misleads(part: str) -> bool:
    """Whether a name that a store gives to a folder or file can be none here: it might lead out of the output."""
    drive, name = os.path.splitdrive(part)
    return part in {"", ".", ".."} or drive != "" or os.path.basename(name) != part or part.startswith("..\\")


def _is_in(entry: Entry, skip: Location | None) -> bool:
    """Whether `skip` is a folder below the one that is listed, and the entry is in it."""
    if not isinstance(skip, Url) or not entry.url.text.startswith(f"{skip.text}/"):
        return False
    return skip.text.startswith(entry.url.text.removesuffix(entry.relative))
