"""The files of a run: raw pairs as JSON, JUnit, the report as Markdown and as a page, flame graphs."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ..comparison import Result
from ..decide.findings import APART, PASSED, CaseVerdict
from ..errors import GateError
from ..explain.profiles import Explanation
from ..measure.records import FORMAT_VERSION, Pair
from ..settings import Settings
from .page import page
from .plain import flame_name, plain
from .text import markdown, reason

#: What a run ends with that is no verdict.
_NO_PASS = 3


def write(directory: Path, result: Result, explanations: list[Explanation], settings: Settings) -> list[str]:
    """Writes gate.json, gate.xml, gate.md, gate.html and a flame graph for each explained case into `directory`.

    Returns what could not be written, in words: it changes no verdict.
    """
    contents: dict[Path, Callable[[], str]] = {
        directory / "gate.json": lambda: json.dumps(as_json(result, explanations, settings), indent=1),
        directory / "gate.xml": lambda: _xml(as_junit(result)),
        directory / "gate.md": lambda: markdown(result, explanations, settings),
        directory / "gate.html": lambda: page(result, explanations, settings),
    }
    for explanation in explanations:
        if explanation.flame:
            contents[flame_file(directory, explanation.case)] = partial(str, explanation.flame)
    if summary_file := os.environ.get("GITHUB_STEP_SUMMARY"):
        contents[Path(summary_file)] = contents[directory / "gate.md"]
    return [problem for file, content in contents.items() if (problem := _written(file, content))]


def write_error(directory: Path, error: Exception) -> list[str]:
    """Writes a gate.xml in which the whole run is an error, so that its reader does not take silence for a pass."""
    suite = ET.Element("testsuite", {"name": "gate", "tests": "1", "failures": "0", "errors": "1"})
    case = ET.SubElement(suite, "testcase", {"classname": "gate", "name": "comparison"})
    ET.SubElement(case, "error", {"type": type(error).__name__, "message": plain(str(error))})
    problem = _written(directory / "gate.xml", lambda: _xml(suite))
    return [problem] if problem else []


def _xml(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode", xml_declaration=True)


def _written(file: Path, content: Callable[[], str]) -> str:
    """Adds to a file, which `clear` has removed unless it is the summary of others too; what went wrong, or nothing."""
    try:
        with file.open("a", encoding="utf-8", errors="backslashreplace") as output:
            output.write(content())
    except (OSError, ValueError) as error:
        return f"{file} could not be written: {error}"
    return ""


def made(directory: Path) -> Path:
    """The directory of a run's reports with its folder for logs, made if need be; raises OSError where it cannot be.

    git ignores all in it if it is new: it may lie in the checkout, and the next run would take it for head's files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not any(directory.iterdir()):
        (directory / ".gitignore").write_text("*\n", encoding="ascii")
    (directory / "logs").mkdir(exist_ok=True)
    return directory


def clear(directory: Path) -> None:
    """Removes what an earlier run wrote: it must not be taken for this one's."""
    for pattern in ("gate.json", "gate.xml", "gate.md", "gate.html", "flame-*.svg", pairs_file(directory).name):
        for file in directory.glob(pattern):
            file.unlink()


def pairs_file(directory: Path) -> Path:
    """Where each pair is kept as soon as it is measured, one JSON line a pair."""
    return directory / "pairs.jsonl"


def keep(directory: Path, pair: Pair) -> None:
    """Adds one pair to the file of pairs, so that an interruption loses nothing that was measured."""
    with suppress(OSError), pairs_file(directory).open("a") as lines:  # gate.json has them too
        lines.write(json.dumps(pair.as_json()) + "\n")


def flame_file(directory: Path, case: str) -> Path:
    """Where a case's flame graph is kept."""
    return directory / flame_name(case)


def as_json(result: Result, explanations: list[Explanation], settings: Settings) -> dict[str, object]:
    """Everything a later look needs: rule, verdicts and every sample of every pair; `format_version` is its form."""
    return {
        "format_version": FORMAT_VERSION,
        "base": asdict(result.base),
        "head": asdict(result.head),
        "tolerance": settings.rule.tolerance,
        "alpha": settings.rule.alpha,
        "budget_s": settings.budget_s,
        "shard": [settings.part.shard.number, settings.part.shard.count],
        "notes": result.notes,
        "stopped": result.stopped,
        "rootdir": result.rootdir,
        "of_shards": result.of_shards,
        "findings": [asdict(finding) for finding in result.findings],
        "explanations": [
            {"case": e.case, "note": e.note, "growths": [asdict(g) for g in e.growths]} for e in explanations
        ],
        "pairs": [pair.as_json() for pair in result.pairs],
    }


def pairs_of(stored: Mapping[str, Any]) -> list[Pair]:
    """The pairs of a gate.json; raises GateError when a newer version of this program wrote it."""
    version = stored.get("format_version")
    if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
        raise GateError(f"format_version is {version}, and this version reads 1 to {FORMAT_VERSION}: update benchgate")
    return [Pair.from_json(pair) for pair in stored["pairs"]]


def as_junit(result: Result) -> ET.Element:
    """A test case for each benchmark: a failure when it regressed, an error when it was not decided; notes beside.

    What is new or skipped is skipped; a run that is no pass, though no case says so, is an error of its own.
    """
    kinds = [_kind(finding.verdict) for finding in result.findings]
    no_pass = result.exit_status == _NO_PASS and "error" not in kinds
    kinds += ["error"] * no_pass
    counts = {name: kinds.count(kind) for name, kind in (("failures", "failure"), ("errors", "error"))}
    counts |= {"tests": len(kinds), "skipped": kinds.count("skipped")}
    suite = ET.Element("testsuite", {"name": "gate", **{name: str(count) for name, count in counts.items()}})
    properties = ET.SubElement(suite, "properties")
    for number, note in enumerate(result.notes, start=1):
        ET.SubElement(properties, "property", {"name": f"note {number}", "value": plain(note)})
    for finding in result.findings:
        file, _, name = finding.case.partition("::")
        element = ET.SubElement(suite, "testcase", {"classname": plain(file), "name": plain(name or file)})
        if kind := _kind(finding.verdict):
            ET.SubElement(element, kind, {"type": finding.verdict, "message": plain(reason(finding))})
    if no_pass:
        element = ET.SubElement(suite, "testcase", {"classname": "gate", "name": "comparison"})
        why = plain(result.stopped or "nothing was compared")
        ET.SubElement(element, "error", {"type": "incomplete", "message": why})
    return suite


def _kind(verdict: CaseVerdict) -> str:
    """What a test case of JUnit holds; nothing where it passed."""
    if verdict in PASSED:
        return ""
    if verdict in APART:
        return "skipped"
    return "failure" if verdict == "regressed" else "error"
