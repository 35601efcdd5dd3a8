"""One line for each pair: what it was, the worst case so far, and the time that is left."""

import math

from rich.console import Console

from ..decide.estimate import Estimate
from ..decide.measured import Measured
from ..measure.records import Pair
from .plain import plain


def show_progress(pair: Pair, measured: Measured, left_s: float, console: Console) -> None:
    """Prints the line after a pair; the id of a case is no markup, whatever is in it."""
    console.print(plain(progress(pair, measured, left_s)), style="dim", markup=False, highlight=False)


def progress(pair: Pair, measured: Measured, left_s: float) -> str:
    """The line after a pair."""
    count = f"{len(pair.blocks)} cases" if len(pair.blocks) != 1 else "1 case"
    said = [f"pair {pair.number}: {count} in {pair.seconds:.0f} s", f"{max(left_s, 0.0):.0f} s left"]
    middles = {
        case: Estimate.of(values).middle
        for case in measured.cases
        if (values := measured.evidence.values(case, "wall"))
    }
    worst = max(middles, key=lambda case: middles[case], default="")
    if worst and middles[worst] > 0:
        said.append(f"worst so far {worst} {math.expm1(middles[worst]):+.1%}")
    return "; ".join(said)
