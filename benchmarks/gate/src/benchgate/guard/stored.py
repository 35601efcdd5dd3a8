"""The stored runs that this run is compared with: found, readable, of this machine, and not failed ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .machine import Identity, differences, of_run

Wanted = str | Literal[True]
"""What follows ``--benchmark-compare``: the name of a run, or True for the latest."""

PROBLEMS = "problems"
"""Key of a stored run under which it says why it did not pass; see `guard`."""

HOW_TO_STORE = "store one with: pytest benchmarks/ --benchmark-autosave"

_EVERY_RUN = "[0-9][0-9][0-9][0-9]_"


@dataclass(frozen=True, slots=True)
class StoredRuns:
    """What was found. `runs` holds, by file, the stored cases by name; `refused` says why others were left out."""

    runs: Mapping[Path, Mapping[str, Any]]
    refused: tuple[str, ...]

    @property
    def cases(self) -> frozenset[str]:
        """Names of all cases that any of the runs has."""
        return frozenset(name for run in self.runs.values() for name in run)


def is_swallowed_path(wanted: object, directory: Path) -> bool:
    """Whether what follows ``--benchmark-compare`` is a file or folder of tests, taken for the name of a run.

    >>> is_swallowed_path("bench_engines.py::test_engine", Path()), is_swallowed_path("0001", Path())
    (True, False)
    """
    if not isinstance(wanted, str):
        return False
    if "::" in wanted or wanted.endswith(".py"):
        return True
    return (directory / wanted).exists() and not wanted.endswith(".json")


def load(storage: Any, wanted: Wanted, here: Identity) -> StoredRuns:
    """The runs in pytest-benchmark's `storage` that are called `wanted` and may be compared with.

    Raises `ValueError` if `wanted` can be no name of a run.
    """
    found, refused = _read(storage, *([] if wanted is True else [wanted]))
    comparable = {}
    for path, run in found:
        reasons = _reasons_against(run, here)
        if reasons:
            refused.append(f"{path}: {'; '.join(reasons)}")
        else:
            comparable[path] = {case["fullname"]: case for case in run["benchmarks"]}
    if wanted is True:
        comparable = dict(list(comparable.items())[-1:])
        if not comparable:
            refused.extend(_strangers(storage, here, known={path for path, _ in found}))
    return StoredRuns(comparable, tuple(refused))


def _reasons_against(run: Mapping[str, Any], here: Identity) -> list[str]:
    reasons = []
    unlike = differences(of_run(run), here)
    if unlike:
        reasons.append(f"another machine ({', '.join(unlike)})")
    if run.get(PROBLEMS):
        reasons.append("that run did not pass itself")
    if not run["benchmarks"]:
        reasons.append("it holds no case")
    return reasons


def _strangers(storage: Any, here: Identity, known: set[Path]) -> list[str]:
    """The latest run of every other machine, and why it cannot serve."""
    latest = {path.parent: (path, run) for path, run in _read(storage, f"*/{_EVERY_RUN}")[0] if path not in known}
    return [f"{path}: {'; '.join(_reasons_against(run, here))}" for path, run in latest.values()]


def _read(storage: Any, *names: str) -> tuple[list[tuple[Path, Any]], list[str]]:
    """Runs, oldest first, and what is wrong with those that cannot be read; pytest-benchmark only warns of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [(Path(path), run) for path, run in storage.load(*names)]
    return found, [str(warning.message) for warning in caught]
