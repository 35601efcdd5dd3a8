"""No output may be an input, or that of two images: found before anything is done, and in little memory."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache, partial

import numpy as np

from bgremove.batch.job import Job
from bgremove.errors import OutputError
from bgremove.paths import display_name, file_key, folds_case
from bgremove.url import Location

_Key = Callable[[Location], str]


def check_outputs(jobs: Sequence[Job], folder: Location, hints: Collection[Location], naming: str) -> None:
    """Raise `OutputError` if an output in `folder` is that of another job too, a source, or one of the `hints`.

    Cost: 8 bytes a file, for a hash. Names are compared where hashes are the same.
    """
    key = partial(file_key, folds_case=folds_case(folder), real_folder=cache(os.path.realpath))
    hashes = array("q", (hash(key(path)) for path in hints))
    for job in jobs:
        hashes.append(hash(key(job.source)))
        hashes.extend(hash(key(path)) for path in job.outputs.values())
    ordered = np.sort(np.array(hashes, np.int64))
    twice = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if twice:
        _compare(jobs, hints, naming, key, twice)


def _compare(jobs: Sequence[Job], hints: Iterable[Location], naming: str, key: _Key, hashes: set[int]) -> None:
    """As `check_outputs`, for those files whose keys have one of the `hashes`."""
    inputs = (*hints, *(job.source for job in jobs if hash(key(job.source)) in hashes))
    owners = {key(path): path for path in inputs}
    for job in jobs:
        for path in job.outputs.values():
            if hash(key(path)) in hashes:
                _claim(path, job.source, owners, naming, key)


def _claim(path: Location, source: Location, owners: dict[str, Location], naming: str, key: _Key) -> None:
    own_key = key(path)
    if own_key in owners:
        other = owners[own_key]
        if key(other) == own_key:
            reason = f"{display_name(path)} is an input and would be replaced: choose another output folder"
        else:
            both = f"{display_name(other)} and {display_name(source)}"
            reason = f"{both} would both be written to {display_name(path)}: {_way_out(other, source, naming)}"
        raise OutputError(reason)
    owners[own_key] = source


def _way_out(one: Location, other: Location, naming: str) -> str:
    if naming == "stem" and one.name != other.name:
        return "name outputs after whole files (naming 'file')"
    return "give the folder above both with --recursive, which keeps them apart, or use two output folders"
