"""Which cases run files that changed, so that they come first where there is no time for all."""

import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from ..errors import ArmError
from .driver import CaseEndedError
from .messages import Ended
from .site import Site


def cases_that_run(files: AbstractSet[str], site: Site, cases: Sequence[str], for_s: float) -> frozenset[str]:
    """Those of the cases that run a function of one of the files, named as from the site's root, in one call.

    Each is called once, in their order, for about so many seconds. What runs in threads, in other processes or in
    compiled code is not seen.
    """
    changed = {(own / file).resolve() for own in site.own for file in files}
    return frozenset(case for case, run in _run_by(site, cases, for_s) if not changed.isdisjoint(run))


def _run_by(site: Site, cases: Sequence[str], for_s: float) -> Iterator[tuple[str, set[Path]]]:
    """Files whose functions each case runs; it ends with the time, or where a case ends the process."""
    end = time.monotonic() + for_s
    try:
        with site.started("changed") as arm:
            arm.collected()
            arm.run(cases)
            for case in cases:
                if time.monotonic() > end:
                    return
                if isinstance(arm.meet(case), Ended):
                    continue
                try:
                    yield case, {Path(file).resolve() for file in arm.trace(case).files}
                except CaseEndedError:
                    continue
                arm.end_case(case, measured=True)
    except ArmError:
        return  # an order is all that it would have told
