"""A gate.json, read again: what a run found, without measuring anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..comparison import Result
from ..decide.findings import CaseFinding, MetricFinding
from ..decide.rule import Rule
from ..errors import WrongUseError
from ..explain.profiles import Explanation, Growth
from ..part import Part, Shard
from ..revisions.git import Revision
from ..settings import Settings
from .files import flame_file, pairs_of


@dataclass(frozen=True)
class Stored:
    """What is in a gate.json and in the flame graphs beside it."""

    file: Path
    result: Result
    explanations: list[Explanation]
    settings: Settings


def read(file: Path) -> Stored:
    """The run that a gate.json tells of; raises WrongUseError if it is none, GateError if it is a newer version's."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        pairs = pairs_of(stored)
        findings = [_finding(finding) for finding in stored["findings"]]
        base, head = (Revision(**stored[name]) for name in ("base", "head"))
        rootdir, of_shards = stored.get("rootdir", "."), tuple(stored.get("of_shards", ()))
        result = Result(
            base, head, findings, pairs, list(stored["notes"]), stored["stopped"], rootdir=rootdir, of_shards=of_shards
        )
        explanations = [_explanation(explanation, file.parent) for explanation in stored["explanations"]]
        rule, budget_s = Rule(float(stored["tolerance"]), float(stored["alpha"])), float(stored["budget_s"])
        part = Part(Shard(*stored.get("shard", (1, 1))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongUseError(f"{file} is no gate.json that can be read ({type(error).__name__}: {error})") from None
    return Stored(file, result, explanations, Settings((), rule=rule, budget_s=budget_s, part=part))


def _finding(stored: Mapping[str, Any]) -> CaseFinding:
    return CaseFinding(**{**stored, "metrics": tuple(map(_metric, stored["metrics"]))})


def _metric(stored: Mapping[str, Any]) -> MetricFinding:
    renamed = {"wealth": "evidence"}  # before version 4, which had a `stage` too
    return MetricFinding(**{renamed.get(name, name): value for name, value in stored.items() if name != "stage"})


def _explanation(stored: Mapping[str, Any], directory: Path) -> Explanation:
    drawn = flame_file(directory, stored["case"])
    flame = drawn.read_text(encoding="utf-8", errors="backslashreplace") if drawn.exists() else ""
    return Explanation(stored["case"], tuple(Growth(**growth) for growth in stored["growths"]), flame, stored["note"])
