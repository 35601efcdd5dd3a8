"""The study's table: alarms counted, with Clopper-Pearson intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import beta

#: The judges, as the table names them.
JUDGES = ("gate", "mean:5% back to back", "min:5% back to back", "mean:5% stored", "min:5% stored")
_COVERAGE = 0.95


@dataclass(frozen=True)
class Slot:
    """One planted change: `found` has the cases that each judge raised an alarm for."""

    number: int
    load: str
    place: str
    case: str
    share: float
    found: dict[str, list[str]]


def clopper_pearson(hits: int, tries: int, coverage: float = _COVERAGE) -> tuple[float, float]:
    """The exact interval of a proportion (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404).

    >>> [round(bound, 3) for bound in clopper_pearson(0, 299, 0.9)]
    [0.0, 0.01]
    """
    miss = (1 - coverage) / 2
    lower = float(beta.ppf(miss, hits, tries - hits + 1)) if hits else 0.0
    upper = float(beta.isf(miss, hits + 1, tries - hits)) if hits < tries else 1.0
    return lower, upper


def tally(slots: Sequence[Slot]) -> str:
    """Markdown: for each load and size, how many runs raised an alarm for the planted case and for any other case.

    With nothing planted every alarm is false, and the first number counts runs with any.
    """
    lines = ["| load | planted | judge | alarm for it | of runs | 95% interval | alarm for another |"]
    lines += ["| --- | ---: | --- | ---: | ---: | ---: | ---: |"]
    for load, share in sorted({(slot.load, slot.share) for slot in slots}):
        chosen = [slot for slot in slots if (slot.load, slot.share) == (load, share)]
        lines += [_row(load, share, judge, chosen) for judge in JUDGES if judges_it(judge, chosen)]
    return "\n".join(lines) + "\n"


def judges_it(judge: str, slots: Sequence[Slot]) -> bool:
    """Whether every one of the slots has a judgement of this judge."""
    return all(judge in slot.found for slot in slots)


def _row(load: str, share: float, judge: str, slots: Sequence[Slot]) -> str:
    hits = sum(slot.case in slot.found[judge] if share else bool(slot.found[judge]) for slot in slots)
    others = sum(bool(set(slot.found[judge]) - {slot.case}) for slot in slots) if share else 0
    lower, upper = clopper_pearson(hits, len(slots))
    interval = f"{lower:.0%} to {upper:.0%}"
    return f"| {load} | {share:.0%} | {judge} | {hits} | {len(slots)} | {interval} | {others if share else ''} |"
