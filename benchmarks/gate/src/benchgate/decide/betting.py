"""What is staked on each metric of each case, pair by pair, and which of them it proves to have changed.

A pair gives one number x = log(head/base). If head costs what base costs, x is as likely positive as negative at each
size, because the arms differ in nothing and the order of turns was drawn by coin. A player who stakes a share
c tanh(m x/s) of the present wealth on x > 0 then has wealth W = prod(1 + c tanh(m x_i/s_i)) with expectation 1,
whatever the distribution of x is, for any c up to 1, and for any m and s that are chosen before the sign is seen: W is
a test martingale, and the chance that it *ever* reaches 1/a is at most a (Ville 1939, Étude critique de la notion de
collectif; Ramdas et al. 2023, doi:10.1214/23-STS894). So one may look after each pair and stop at will. No normal
distribution is needed, and no scale need be right: a wrong s only makes a player slow.

Every pair counts, the first too, and that one even chooses: sizes say nothing of signs, so each metric's share w of the
capital is the size of its first number. A loss of 30% has most of the capital before its first sign is seen, and how
many metrics are looked at hardly matters to it. For any set of metrics in which nothing has changed, the capital of
that set, sum(w W)/sum(w), is a test martingale too, however they depend on each other: exchange the arms, and all signs
of the set turn while its sizes stay. A metric is proven to have changed when every set with it in has reached 1/alpha,
which keeps the chance of any false alarm in the suite below alpha (closed testing: Marcus, Peritz and Gabriel 1976,
doi:10.1093/biomet/63.3.655; with means of evidence: Vovk and Wang 2021, doi:10.1214/20-AOS2020).
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from .estimate import spread
from .metrics import Metric

#: One metric of one case.
Key = tuple[str, Metric]

#: Stakes: the most that is risked on a pair, and a multiple of 1/scale. Who risks all is the quickest, and ruined by
#: the first pair whose processes happen to run in different modes. Wealth is the mean over them, so that none has to
#: be chosen by looking at the result.
_STAKES = ((1.0, 0.5), (1.0, 1.0), (1.0, 2.0), (0.5, 1.0), (0.5, 4.0))
#: The prior of the scale is this share of the tolerance, and counts as so many pairs: fresh processes of the same code
#: differ by 1%. No scale is below the last share.
PRIOR_SHARE, PRIOR_PAIRS, LEAST_SHARE = 1 / 3, 2, 1 / 10
#: The least share of the capital is as of a first number of this share of the tolerance: it may be small by chance.
LEAST_WEIGHT = 1 / 2


class Player:
    """Bets that numbers are positive; `limit` is the tolerance as a log ratio.

    >>> player = Player(0.03)
    >>> for _ in range(9):
    ...     player.bet(0.3)
    >>> player.wealth > 100
    True
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._seen: list[float] = []
        self._purses = [1.0] * len(_STAKES)

    @property
    def wealth(self) -> float:
        """What the player has now, of 1 at the start."""
        return statistics.fmean(self._purses)

    def bet(self, value: float) -> None:
        """Takes the next number in, with stakes that were chosen by those before it."""
        units = value / scale_of(self._seen, self._limit)
        self._purses = [
            purse * (1 + most * math.tanh(multiple * units))
            for purse, (most, multiple) in zip(self._purses, _STAKES, strict=True)
        ]
        self._seen.append(value)


def scale_of(seen: Sequence[float], limit: float) -> float:
    """The spread of numbers as far as it is known: of few, mostly the prior's."""
    known = len(seen) * spread(seen) ** 2 if seen else 0.0
    prior = PRIOR_PAIRS * (PRIOR_SHARE * limit) ** 2
    return max(math.sqrt((prior + known) / (PRIOR_PAIRS + len(seen))), LEAST_SHARE * limit)


class Capital:
    """What is staked on changes of all metrics in one direction (1: grow, -1: shrink), and what that has proven.

    `proved` only grows: what was proven once, at whatever look, stays so.
    """

    def __init__(self, direction: int, alpha: float) -> None:
        self.proved: set[Key] = set()
        self._direction, self._alpha = direction, alpha
        self._weights: dict[Key, float] = {}
        self._players: dict[Key, Player] = {}

    def lay(self, first: Mapping[Key, float], absent: Iterable[Key], limits: Mapping[str, float]) -> None:
        """Divides the capital by the sizes of the first numbers, before any sign is looked at.

        What is `absent` from the first pair has the least weight. `limits` are the tolerances of cases as log ratios.
        """
        sizes = {**dict.fromkeys(absent, 0.0), **first}
        for key, value in sizes.items():
            limit = limits[key[0]]
            # against the case's own tolerance: a noisy case has a wider one
            self._weights[key] = max(abs(value) / limit, LEAST_WEIGHT)
            self._players[key] = Player(limit)

    def bet(self, values: Mapping[Key, float]) -> None:
        """Takes the numbers of one pair in; those of keys on which nothing was laid are left out."""
        for key, value in values.items():
            if key in self._players:
                self._players[key].bet(self._direction * value)
        rich = [key for key, player in self._players.items() if player.wealth * self._alpha >= 1]
        self.proved.update(key for key in rich if self.evidence(key) * self._alpha >= 1)

    def wealth(self, key: Key) -> float:
        """What the player of one metric has, of 1 at the start."""
        return self._players[key].wealth if key in self._players else 1.0

    def evidence(self, key: Key) -> float:
        """The least capital of all sets of metrics with this one in, of 1 at the start: proven from 1/alpha on.

        The poorest others are those that lower it most, as long as they have less than the set with them in.
        """
        if key not in self._players:
            return 1.0
        weight = self._weights[key]
        laid, owned = weight, weight * self.wealth(key)
        for wealth, other in self._poorest_first():
            if wealth * laid >= owned:
                break
            if other != key:
                laid += self._weights[other]
                owned += self._weights[other] * wealth
        return owned / laid

    def _poorest_first(self) -> list[tuple[float, Key]]:
        return sorted((player.wealth, key) for key, player in self._players.items())
