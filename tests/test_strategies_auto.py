"""The rule by which a strategy is chosen."""

import pytest

from bgremove.strategies.auto import SHARE, START_S, choose

LONG = START_S / SHARE * 1.01


@pytest.mark.parametrize(
    ("tasks", "workers", "timeout_s", "chosen"),
    [
        ([], 2, None, "sequential"),
        ([1000], 2, None, "sequential"),
        ([1000] * 9, 1, None, "sequential"),
        ([0.01] * 4, 2, None, "threads"),
        ([LONG / 4] * 4, 2, None, "threads"),
        ([LONG / 4] * 8, 2, None, "processes"),
        ([LONG, 0.01], 2, None, "processes"),
        (None, 2, None, "threads"),
        (None, 2, 5.0, "processes"),
        ([0.01], 1, 5.0, "processes"),
    ],
)
def test_the_choice(tasks, workers, timeout_s, chosen):
    assert choose(tasks, workers=workers, timeout_s=timeout_s) == chosen
