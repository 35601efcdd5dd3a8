"""The study's tables: alarms counted, with Clopper-Pearson intervals."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from scipy.special import betainccinv, betaincinv

#: The judges, as the tables name them.
JUDGES = ("gate", "mean:5% back to back", "min:5% back to back", "mean:5% stored", "min:5% stored")
#: Those of a race, in which all may take the same time: see `race`.
RACERS = ("gate", "benchmatrix:5%", "benchmatrix:1%")
#: Under the name of a judge and this word a slot has the cases that it could not decide.
UNDECIDED = "gate undecided"
_COVERAGE = 0.95


@dataclass(frozen=True)
class Slot:
    """One planted change: `found` has the cases that each judge raised an alarm for, `seconds` what a racer took."""

    number: int
    load: str
    place: str
    case: str
    share: float
    budget_s: float
    machine: str
    found: dict[str, list[str]]
    seconds: dict[str, float] = field(default_factory=dict)


#: Whether a judge's answer in a slot counts.
Hit = Callable[[Slot, str], bool]


def clopper_pearson(hits: int, tries: int, coverage: float = _COVERAGE) -> tuple[float, float]:
    """The exact interval of a proportion (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404).

    >>> [round(bound, 3) for bound in clopper_pearson(0, 299, 0.9)]
    [0.0, 0.01]
    """
    miss = (1 - coverage) / 2
    lower = float(betaincinv(hits, tries - hits + 1, miss)) if hits else 0.0
    upper = float(betainccinv(hits + 1, tries - hits, miss)) if hits < tries else 1.0
    return lower, upper


def share_of(hits: int, tries: int) -> str:
    """A count with the interval of its proportion, for a cell of a table.

    >>> share_of(3, 4)
    '3 of 4 (19% to 99%)'
    """
    lower, upper = clopper_pearson(hits, tries)
    return f"{hits} of {tries} ({lower:.0%} to {upper:.0%})"


def tally(slots: Sequence[Slot]) -> str:
    """Markdown: what was run, false alarms, and losses found by load and by place."""
    planted = [slot for slot in slots if slot.share]
    lines = [*_what_was_run(slots), ""]
    lines += ["Runs that accused a case that had not changed (95% interval of their share):", ""]
    by_load = _grouped(slots, lambda slot: slot.load)
    lines += [*_table("load", by_load | ({"all": slots} if len(by_load) > 1 else {}), _accuses_another), ""]
    if planted:
        lines += ["Runs that accused the case that had changed, by load:", ""]
        by_loss = _grouped(planted, lambda slot: f"{slot.load}, {_percent(slot)}")
        lines += [*_table("load, planted", by_loss, _accuses_it), ""]
        lines += ["The same, by where the change was:", ""]
        by_place = _grouped(planted, lambda slot: f"{slot.place}, {_percent(slot)}")
        lines += [*_table("place, planted", by_place, _accuses_it), ""]
    return "\n".join(lines)


def _percent(slot: Slot) -> str:
    return f"{100 * slot.share:g}%"


def _what_was_run(slots: Sequence[Slot]) -> Iterator[str]:
    loads = Counter(slot.load for slot in slots)
    budgets = " or ".join(f"{budget:g}" for budget in sorted({slot.budget_s for slot in slots}))
    calm = [slot for slot in slots if slot.load == "quiet" and not slot.share]
    yield (
        f"Run so far: {len(slots)} slots ({', '.join(f'{count} {load}' for load, count in sorted(loads.items()))}), "
        f"{budgets} s for each judge in each, on {'; '.join(sorted({slot.machine for slot in slots}))}."
    )
    if took := sorted({judge for slot in slots for judge in slot.seconds}):
        medians = (f"{judge} {statistics.median(slot.seconds[judge] for slot in slots):.0f} s" for judge in took)
        yield f"Start-up and building included, they took in the median: {', '.join(medians)}."
    if calm:
        alarms = sum(bool(slot.found["gate"]) for slot in calm)
        most = clopper_pearson(alarms, len(calm), 2 * _COVERAGE - 1)[1]  # one-sided
        yield (
            f"{len(calm)} of them were quiet with nothing planted: {alarms} alarms of the gate, which shows that at "
            f"most {most:.1%} of such runs raise one (95%). To show 1%, it takes 299 without any."
        )


def _accuses_another(slot: Slot, judge: str) -> bool:
    return bool(set(slot.found[judge]) - ({slot.case} if slot.share else set()))


def _accuses_it(slot: Slot, judge: str) -> bool:
    return slot.case in slot.found[judge]


def _grouped(slots: Sequence[Slot], key: Callable[[Slot], str]) -> dict[str, Sequence[Slot]]:
    names = sorted({key(slot) for slot in slots}, key=_by_number)
    return {name: [slot for slot in slots if key(slot) == name] for name in names}


def _table(title: str, groups: dict[str, Sequence[Slot]], hit: Hit) -> Iterator[str]:
    found = next(iter(groups.values()))[0].found
    judges = [judge for judge in dict.fromkeys((*JUDGES, *RACERS)) if judge in found]
    undecided = [f"{judge} undecided" for judge in judges if f"{judge} undecided" in found]
    yield f"| {' | '.join((title, *judges, *undecided))} |"
    yield "| --- " * (len(judges) + len(undecided) + 1) + "|"
    for name, slots in groups.items():
        cells = [share_of(sum(hit(slot, judge) for slot in slots), len(slots)) for judge in judges]
        left = [str(sum(hit(slot, judge) for slot in slots)) for judge in undecided]
        yield f"| {' | '.join((name, *cells, *left))} |"


def _by_number(name: str) -> tuple[str, float]:
    text, _, share = name.partition(", ")
    return text, float(share.rstrip("%") or 0)
