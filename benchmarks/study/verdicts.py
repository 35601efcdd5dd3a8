"""What the gate says of a slot: by its findings at the time, or by its present rule, from the pairs that are kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchgate.decide.findings import CaseFinding, find
from benchgate.decide.measured import Measured
from benchgate.decide.rule import Rule
from benchgate.measure.records import Pair
from benchmarks.study import kept
from benchmarks.study.tally import UNDECIDED, Slot


def of(findings: Sequence[CaseFinding]) -> dict[str, list[str]]:
    """The cases that the gate calls regressed, and those that it could not decide."""
    return {"gate": _cases_of(findings, "regressed"), UNDECIDED: _cases_of(findings, "inconclusive", "incomparable")}


def anew(directory: Path) -> list[Slot]:
    """All slots that are kept, so that those of earlier rules count as the gate would judge their pairs today.

    Which pairs were measured is as the rule of the time chose; the evidence of a pair does not depend on that choice.
    """
    return [_judged_anew(slot, kept.pairs(directory, slot.number)) for slot in kept.slots(directory)]


def _judged_anew(slot: Slot, pairs: Sequence[Pair]) -> Slot:
    if not pairs:
        return slot  # it had no time for one
    asked = [{block.case for block in pair.blocks} | {each.case for each in pair.troubles} for pair in pairs]
    measured = Measured(sorted(set.union(*asked)), Rule())
    for pair, cases in zip(pairs, asked, strict=True):
        measured.add(pair, cases)
    return replace(slot, found=slot.found | of(find(measured, [])))


def _cases_of(findings: Sequence[CaseFinding], *wanted: str) -> list[str]:
    return [finding.case for finding in findings if finding.verdict in wanted]
