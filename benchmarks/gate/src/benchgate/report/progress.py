"""One line for each pair: what it was, the worst case so far, and the time that is left."""

from ..decide.estimate import Estimate
from ..decide.measured import Measured
from ..measure.records import Pair


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
        said.append(f"worst so far {worst} {middles[worst]:+.1%}")
    return "; ".join(said)
