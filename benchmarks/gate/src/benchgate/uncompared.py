"""Cases that cannot be compared, by what collecting them in both revisions has shown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .measure.collecting import HINTS, HINTS_OF_BOTH, hinted
from .measure.driver import OTHER_ID
from .measure.messages import Collected, Ended
from .measure.records import Gap, Trouble
from .measure.uncollected import SKIPPED

#: What a default ``repr`` puts into an id: another number in every process, unless it is a constant in hexadecimal.
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


def named(cases: Sequence[str], of_base: Sequence[str]) -> tuple[list[str], list[Trouble]]:
    """Cases that another process knows by the same id, as base's did, and those whose id holds an address of memory."""
    why = "its id holds an address of memory, which is another in every process: give its parameter an id"
    nameless = {case for case in cases if _ADDRESS.search(case)}.difference(of_base)
    return (
        [case for case in cases if case not in nameless],
        [Trouble(case, "incomparable", why) for case in cases if case in nameless],
    )


def fresh(base: Collected, head: Collected) -> frozenset[str]:
    """Cases of which base's own definitions have nothing, not even a file that cannot be collected."""
    return frozenset(case for case in head.cases if case not in base.cases and not base.error_of(case))


def but_newly_skipped(
    troubles: Sequence[Trouble], own: Mapping[str, float | Ended], *, confirms: bool
) -> Iterator[Trouble]:
    """Of what is skipped in both revisions, by head's definitions, only what base skips by its `own` is no gap.

    Nor is anything that regressed before, where a run `confirms` another.
    """
    for trouble in troubles:
        end = own.get(trouble.case)
        if trouble.verdict != "skipped" or not (confirms or (end and not _is_skip(end))):
            yield trouble
        else:
            why = "it regressed before" if confirms else "base's own definition does not skip it"
            yield replace(trouble, verdict="incomparable", why=f"{trouble.why}; {why}")


def _is_skip(end: float | Ended) -> bool:
    return isinstance(end, Ended) and end.end == "skipped"


def uncollected(base: Collected, head: Collected) -> Iterator[Trouble]:
    """Files, folders and cases that head cannot collect: none of what base has in them can be compared.

    What is skipped as a whole, and has nothing in base or is skipped there too, is told apart.
    """
    for node, why in head.errors.items():
        lost = sum(head.error_of(case).startswith(f"{node}: ") for case in base.cases)
        if node in base.errors:
            of_base = f"in base: {base.errors[node]}" if base.errors[node] != why else "nor in base"
        else:
            of_base = f"base has {lost} {'case' if lost == 1 else 'cases'} there" if lost else "base has no case there"
        hints = HINTS_OF_BOTH if node in base.errors else HINTS
        known = base.error_of(node)
        skipped = why.startswith(SKIPPED) and not lost and (not known or base.errors.get(node, "").startswith(SKIPPED))
        verdict: Gap = "skipped" if skipped else "incomparable"
        yield Trouble(node, verdict, hinted(f"cannot be collected in head: {why}; {of_base}", hints))


def missing(base: Collected, head: Collected) -> list[Trouble]:
    """Cases that base alone has: none that head cannot collect, or has with another address in their id."""
    there, addressed = set(head.cases), {case.partition("[")[0] for case in head.cases if _ADDRESS.search(case)}
    return [
        Trouble(case, "missing", "base has this case, head has not: removed or renamed, or no longer selected")
        for case in base.cases
        if case not in there
        and not head.error_of(case)
        and not (_ADDRESS.search(case) and case.partition("[")[0] in addressed)
    ]


def but_renamed(found: Sequence[Trouble], of_head: Sequence[Trouble]) -> list[Trouble]:
    """Those of base that are not cases of head by an id that is another in every process."""
    renamed = {trouble.case.partition("[")[0] for trouble in of_head if OTHER_ID in trouble.why}
    return [trouble for trouble in found if trouble.case.partition("[")[0] not in renamed]
