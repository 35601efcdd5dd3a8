"""From what the user names to a list of jobs: which files, which rects, which outputs. Nothing is written here."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bgremove.errors import BgremoveError, ImageError, OutputError, RectError, UsageError
from bgremove.images import SUFFIXES
from bgremove.outputs import OUTPUT_FORMATS
from bgremove.paths import StrPath, display_name, file_key, folds_case
from bgremove.types import Rect
from bgremove.worker import EMITS, Job

NAMINGS = ("stem", "file")
"""How an output is named after its input ``a.jpg``: ``a.png`` (stem) or ``a.jpg.png`` (file)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, and its path relative to the input that it was found under."""

    path: Path
    relative: Path


@dataclass(frozen=True, slots=True)
class Unusable:
    """An input from which nothing can be read, and why; the batch goes on without it."""

    path: Path
    error: BgremoveError


def find_sources(
    inputs: StrPath | Iterable[StrPath], *, recursive: bool = False, exclude: Path | None = None
) -> tuple[list[Source], list[Unusable]]:
    """All image files under files, folders and glob patterns, one or many; each once, in the order they are found in.

    Folders give the images directly in them, told by their suffix and sorted by name, or with `recursive` those of
    the whole tree (links to folders are not followed). Hidden files are left out, and so is the folder `exclude`,
    where the outputs go. Raises `UsageError` if that is itself an input.
    """
    sources: dict[str, Source] = {}
    unusable: list[Unusable] = []
    skip = None if exclude is None else os.path.realpath(exclude)
    for path in _expand(inputs):
        if os.path.isdir(path):
            if os.path.realpath(path) == skip:
                raise UsageError(
                    f"{display_name(path)} is an input and the output at once, so that the next run would take results "
                    "for inputs: choose another output folder"
                )
            found = _in_folder(path, recursive, skip, unusable)
        elif reason := _why_absent(path):
            unusable.append(Unusable(path, ImageError(f"{display_name(path)}: {reason}")))
            continue
        else:
            found = iter([Source(path, Path(path.name))])
        for source in found:
            sources.setdefault(os.path.abspath(source.path), source)  # (resolve() would follow links)
    return list(sources.values()), unusable


def _expand(inputs: StrPath | Iterable[StrPath]) -> Iterator[Path]:
    for item in [inputs] if isinstance(inputs, str | os.PathLike) else inputs:
        text = os.fspath(item)
        # A file may really be called `a[1].jpg`: what exists is meant literally.
        matches = [] if os.path.lexists(text) else sorted(glob.glob(text, recursive=True))
        yield from map(Path, matches or [text])


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


def _in_folder(folder: Path, recursive: bool, skip: str | None, unusable: list[Unusable]) -> Iterator[Source]:
    def report(error: OSError) -> None:
        path = Path(error.filename)
        reason = f"{display_name(path)}: the folder cannot be read: {error.strerror}"
        unusable.append(Unusable(path, ImageError(reason)))

    for parent, folders, files in os.walk(folder, onerror=report):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and recursive)
        if skip is not None:
            folders[:] = [f for f in folders if os.path.realpath(os.path.join(parent, f)) != skip]
        for name in sorted(files):
            path = Path(parent, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Source(path, path.relative_to(folder))


def read_rects(file: Path) -> dict[str, Rect]:
    """Rects by absolute image path, out of a CSV with the columns ``path,x,y,width,height``.

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
                    path = file.parent / row["path"]
                except (TypeError, ValueError) as error:
                    where = f"{display_name(file)}, line {rows.line_num}"
                    raise RectError(
                        f"{where}: it must hold a path, and x, y, width and height as whole numbers"
                    ) from error
                rects[os.path.abspath(path)] = rect
    except (OSError, csv.Error) as error:
        raise RectError(f"{display_name(file)}: the rects cannot be read: {error}") from error
    return rects


def plan_jobs(
    sources: Sequence[Source],
    output: Path,
    *,
    emit: Sequence[str] = ("cutout",),
    file_format: str = "png",
    naming: str = "stem",
    rect: Rect | None = None,
    rects: dict[str, Rect] | None = None,
    overwrite: bool = False,
) -> list[Job]:
    """One job a source; the tree below each input is mirrored below `output`.

    The cutout is called ``NAME.png`` and the mask ``NAME.mask.png``, or as `file_format` says. Raises `OutputError`
    if two sources would have the same output, or if an output would be an input, and `RectError` if `rects` lacks a
    source.
    """
    _check_choice("emit", emit, EMITS)
    _check_choice("format", [file_format], OUTPUT_FORMATS)
    _check_choice("naming", [naming], NAMINGS)
    jobs = []
    key = partial(file_key, folds_case=folds_case(output))
    owners: dict[str, Path] = {key(source.path): source.path for source in sources}
    for source in sources:
        name = source.relative if naming == "file" else source.relative.with_suffix("")
        outputs = {kind: output / name.parent / f"{name.name}{_MARKS[kind]}.{file_format}" for kind in emit}
        for path in outputs.values():
            _claim(path, source.path, owners, naming, key)
        jobs.append(Job(source.path, outputs, _rect_of(source.path, rect, rects), overwrite))
    return jobs


_MARKS = {"cutout": "", "mask": ".mask"}


def _check_choice(what: str, chosen: Sequence[str], allowed: Sequence[str]) -> None:
    unknown = [value for value in chosen if value not in allowed]
    if unknown or not chosen:
        raise UsageError(f"{what} is {', '.join(unknown) or 'empty'}; choose from {', '.join(allowed)}")


def _claim(path: Path, source: Path, owners: dict[str, Path], naming: str, key_of: Callable[[Path], str]) -> None:
    key = key_of(path)
    if key in owners:
        other = owners[key]
        if key_of(other) == key:
            reason = f"{display_name(path)} is an input and would be replaced: choose another output folder"
        else:
            both = f"{display_name(other)} and {display_name(source)}"
            reason = f"{both} would both be written to {display_name(path)}: {_way_out(other, source, naming)}"
        raise OutputError(reason)
    owners[key] = source


def _way_out(one: Path, other: Path, naming: str) -> str:
    if naming == "stem" and one.name != other.name:
        return "name outputs after whole files (naming 'file')"
    return "give the folder above both with --recursive, which keeps them apart, or use two output folders"


def _rect_of(path: Path, rect: Rect | None, rects: dict[str, Rect] | None) -> Rect | None:
    if rects is None:
        return rect
    try:
        return rects[os.path.abspath(path)]
    except KeyError:
        raise RectError(f"{display_name(path)}: the rects hold no line for this file") from None


def existing_outputs(jobs: Iterable[Job]) -> list[Path]:
    """Outputs that exist already, of the jobs that may not overwrite."""
    return [path for job in jobs if not job.overwrite for path in job.outputs.values() if os.path.lexists(path)]
