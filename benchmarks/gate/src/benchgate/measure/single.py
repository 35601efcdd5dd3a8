"""Cases that are called in one revision alone, since the other has nothing to compare them with."""

from collections.abc import Callable, Sequence

from ..errors import ArmError
from .driver import Arm, CaseEndedError, shares
from .messages import Ended
from .site import Site


def seconds_in(
    site: Site, cases: Sequence[str], occasion: str, note: Callable[[Arm, Site], None] = lambda *_: None
) -> dict[str, float | Ended]:
    """Seconds of one call of each case, or how one ended that did not pass; `note` is told of each process.

    They share a process, but for what follows a case that ends it.
    """
    found: dict[str, float | Ended] = {}
    while left := [case for case in cases if case not in found]:
        try:
            with site.started(occasion, on_trial=True) as arm:
                offered = set(arm.collected().cases)
                found |= {case: Ended(case, "failed", "not collected") for case in left if case not in offered}
                there = [case for case in left if case in offered]
                arm.run(there)
                for case in there:
                    found[case] = _seconds(arm, case)
                arm.finished()
                note(arm, site)
        except ArmError as error:
            for case in left:
                if case not in found:
                    found[case] = Ended(case, "failed", str(error))
                    break
    return found


def _seconds(arm: Arm, case: str) -> float | Ended:
    met = arm.meet(case)
    if isinstance(met, Ended):
        return met
    try:
        seconds = arm.call(case, 1, None).wall_s
    except CaseEndedError as error:
        return error.ended
    end = arm.end_case(case, measured=True)
    if said := shares(end.shared):
        return Ended(case, "failed", said)
    return seconds if end.end == "passed" else end
