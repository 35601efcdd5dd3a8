"""What is changed of the whole process is put back by whoever leaves last, in whatever order they leave."""

import sys
from contextlib import ExitStack
from itertools import permutations

import cv2
import pytest

from bgremove.engines import _session, model_threads
from bgremove.preparation import Preparation
from bgremove.strategies import make_strategy

SETTINGS = {
    "switch interval": (sys.getswitchinterval, lambda count: make_strategy("threads", workers=count)),
    "OpenCV's threads": (cv2.getNumThreads, lambda count: Preparation("opencv", threads=count)()),
    "a model's threads": (lambda: _session._threads, model_threads),
}


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("setting", SETTINGS)
def test_all_is_as_it_was_after_the_last_has_left(setting: str, order: tuple[int, ...]) -> None:
    current, changed = SETTINGS[setting]
    before = current()
    entered = [ExitStack() for _ in order]
    for count, stack in enumerate(entered):
        stack.enter_context(changed(5 + count))
    held = current()
    assert held != before
    for left in order[:2]:
        entered[left].close()
        assert current() != before
    entered[order[2]].close()
    assert current() == before
