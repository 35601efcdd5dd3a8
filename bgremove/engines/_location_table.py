"""The numbers of the network that tells where the object is likely to be, see `bgremove.engines._location`.

Fitted by ``python -m benchmarks.location`` to 679 public photographs with masks (476 of PASCAL-S, 203 of people), each
under a margin and under a box drawn around the object.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LIMIT = 4.0
"""Of a cue that is seen, in its standard deviations."""


class Network(NamedTuple):
    """One hidden layer of rectified sums of cues, and a sum of these."""

    mean: NDArray[np.float32]
    """(cues,)"""
    scale: NDArray[np.float32]
    """(cues,): one over the standard deviation."""
    weights: NDArray[np.float32]
    """(cues, units)"""
    bias: NDArray[np.float32]
    """(units,)"""
    last: NDArray[np.float32]
    """(units + 1,): the weight of each unit, and a constant."""


@cache
def load(*, drawn: bool) -> Network:
    """The network for a box that was drawn around the object, or is only what a margin leaves."""
    return parse(TABLE, drawn=drawn)


def parse(table: str, *, drawn: bool) -> Network:
    """The network that a table such as `TABLE` holds."""
    *cues, when_drawn, bias, last = [np.array(line.split(), np.float64) for line in table.strip().splitlines()]
    rows = np.array(cues)
    side = when_drawn if drawn else -when_drawn
    parts = rows[:, 0], 1 / rows[:, 1], rows[:, 2:] / 100, (bias + side) / 100, last / 100
    return Network(*(np.ascontiguousarray(part, np.float32) for part in parts))


TABLE = """
   0.333   0.297   -6   11   -4    4   -8   25   -9    0    2  -15    9   -8   -1   -4   -8   -2
   0.332   0.297   -9   -7    6    3   -9  -10    6    0   -4   -4   -6   -7  -15    4   -2  -10
  -0.001   0.576   -3  -24   -7   -6    8  -30    7    0  -11   14  -20   -1   -8    2   -6   16
  -0.000   0.998    8    1   -3   -9  -11    4    0    0   25    8  -14   -9   -6  -12    0    4
   0.547   0.417   33  -29  -22    3    5  -18  -18    0   -4   -6   24  -35    0  -33   15   -3
   1.582   2.045   -2    0   -5    1   -2  -42    6    0    1   23   10    0   11   14    4    7
   1.521   1.979    1   16   -1    4    3    1   -6    0   -2    6    1   -5   19    6   -7   -2
   0.416   1.296    3  -13    1    2   11   14  -20    0   11  -12    0  -21    0  -25   -1  -13
   1.783   1.684  -13    0   -2    6    1   14   -4    0   -3    5  -11  -14   14  -16  -14    8
  -0.033   0.791   24  -24   -2    0   -7   -4    0    0    4  -10    3   13    7   -6    0    0
   0.647   1.888    3  -11   -6    4    3   -6    3    0    2   -4   10   -6   10   -5   -9   -9
   0.624   1.552   -4  -20    8   11    4   -2    7    0   -8   -9   12   22    9    2  -14   -1
   4.930   0.921   -7   11  -12    8   -7   -5    0    0  -13   -3   -3   -6  -15  -13   -7   -2
   4.934   0.757   -5   10   -5   14   -9    4    2    0  -11    0    1   -7  -19   -6   -7    6
   5.645   2.044   -5   -5   -9    6   -2   -3    3    0    1   -5    3   -6   -8  -10  -10   -7
   0.666   0.201   -2   -6    8   -2    0    3   -3    0    5    0   -8    7  -24    1   14    5
   0.666   0.166   -3    3    7   -7   -4    9    1    0   17    7  -15   -6  -30   -1   12    8
   0.282   0.122   -1    2   -5   -3   -3   -6   -2    0    4    1   -4   12  -10   -5    0    6
   0.282   0.100    5    3   -6   -3   -3   -8   -5    0   12    4   -1    0   -9   -6    3    5
   0.218   0.119   13  -22   22    5  -10    7    1    0  -12   -3   17   -9   -4    0   -5    3
   0.003   0.337  -10  -13   -3    1   15   -9   10    0   -4    4   -8    3   12   -5    4   13
   0.346   0.847   -5    0   16    0    1   -3    0    0  -20    5   -4   10    4   15   -3    7
   0.347   0.700   -3    7    7   -5   -1   -7    1    0   -8   10   -8   -2    1   11   -1    3
  -0.105   0.484    7   -7   13   14  -35    2    0    0   11    6   25   25   -7   17  -14    4
   0.053   0.329    8    9  -27    0   -4   -5  -17    0  -12  -14   21   -8   20  -10    2   -2
   0.195   0.487    5   11    0   -3  -33  -10   13    0    1   11   23  -10   -7   -7  -28    5
   0.441   0.438  -18   21    9   11  -14   15   -6    0    9    6   16   14   -4    9  -20   14
   0.160   0.129    1    5    4   10   -3    2   -4    0   -4   11    7    0   -4    7   -4    8
   0.220   0.153   -1    2   -3    0   10    3   -4    0    2    0   -4   -2   -1   -4    1    0
   0.341   0.235    3    6   -8   -1   14    0  -12    0    6    6   -3  -14    5   -3   11   -5
   1.153   0.620   -6    6   -1    4   -2  -34   10    0  -10   16    9    7    8   13   10   -3
   1.128   0.565   -6    3   -3   -5   -8   -4    4    0    0   -4   -9    9   -7    9   -2  -17
   0.802   0.429    0  -16   -3    5   -1    7   -6    0   -8  -13   -2    1    1   -7   12   -6
   1.080   0.465  -18  -13   -4    0   -3   11   -4    0   -4  -13   -4   -2   10  -21   -2   10
  -0.160   0.875    1   -7   -2   -2   -2   -8   17    0  -21   -7   -3    6   -3  -15    0   12
  -0.007   0.619   -9    2    9   -6   -9    5   23    0   -5    7  -14    7  -14   -8  -13   16
  -0.057   0.665   13    1   -6    4   14  -12    1    0  -10    1    5   -8   -1   -9   16    7
   0.580   1.168   -2    0    0   -1   -2    0    1    0    2    2    0    3   -1   -2    1    3
   0.523   0.958    5  -13   -7   -1    7   -1  -15    0   -6   -8    5   -9   13  -14   16   -5
   4.594   1.092    1  -21   -5   -7   -6   13  -12    0  -15  -18   -6   16   -6  -16    3   -5
                   28   -5    4   -3    4  -20   -2    0  -42   17   17   -8   14    2    8   14
                   44   63   38    6    2   18   30   -3   28    9   48  -17   38  -24   13   -8
                   65  -77  -56   36   65  -83  -55    0  -73  -59   71  -71   69  -72   62  -51   11
"""
"""By row one of `CUES`: its mean, its deviation, and its weight in each unit in hundredths. Then, by unit and in
hundredths: what is added for a drawn box and taken away for another, what is always added, and the weight in the sum,
followed by a constant."""
