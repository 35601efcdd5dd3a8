"""Cases that cannot be compared, by what collecting them in both revisions has shown."""

import re
from collections.abc import Iterator, Sequence

from .measure.collecting import HINTS, HINTS_OF_BOTH, hinted
from .measure.driver import OTHER_ID
from .measure.messages import Collected
from .measure.records import Trouble

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


def uncollected(base: Collected, head: Collected) -> Iterator[Trouble]:
    """Files, folders and cases that head cannot collect: none of what base has in them can be compared."""
    for node, why in head.errors.items():
        lost = sum(head.error_of(case).startswith(f"{node}: ") for case in base.cases)
        if node in base.errors:
            of_base = f"in base: {base.errors[node]}" if base.errors[node] != why else "nor in base"
        else:
            of_base = f"base has {lost} {'case' if lost == 1 else 'cases'} there" if lost else "base has no case there"
        hints = HINTS_OF_BOTH if node in base.errors else HINTS
        yield Trouble(node, "incomparable", hinted(f"cannot be collected in head: {why}; {of_base}", hints))


def missing(base: Collected, head: Collected) -> list[Trouble]:
    """Cases that base alone has: none that head cannot collect, or has with another address in their id."""
    there, addressed = set(head.cases), {case.partition("[")[0] for case in head.cases if _ADDRESS.search(case)}
    return [
        Trouble(case, "missing", "base has this case, head has not: removed or renamed")
        for case in base.cases
        if case not in there
        and not head.error_of(case)
        and not (_ADDRESS.search(case) and case.partition("[")[0] in addressed)
    ]


def but_renamed(found: Sequence[Trouble], of_head: Sequence[Trouble]) -> list[Trouble]:
    """Those of base that are not cases of head by an id that is another in every process."""
    renamed = {trouble.case.partition("[")[0] for trouble in of_head if OTHER_ID in trouble.why}
    return [trouble for trouble in found if trouble.case.partition("[")[0] not in renamed]
