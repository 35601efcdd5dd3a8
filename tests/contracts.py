"""What every engine and every strategy must do. A new one is tested by calling these."""

import os

import numpy as np
import pytest

from bgremove import Label
from bgremove.errors import TaskError, UsageError
from bgremove.strategies import Task
from fixtures.scenes import make_scene


def check_engine(engine):
    """The protocol of `bgremove.engines.Engine`."""
    scene = make_scene(60, 80, seed=3)
    labels = np.full((60, 80), Label.BACKGROUND, np.uint8)
    labels[scene.rect.slices] = Label.PROBABLY_FOREGROUND
    y, x = (axis[len(axis) // 2] for axis in np.nonzero(scene.truth))
    labels[y, x] = Label.FOREGROUND
    labels[y, x + 1] = Label.BACKGROUND
    image, given = scene.image.copy(), labels.copy()
    mask = engine.segment(image, labels, iterations=5, seed=0)
    assert (image == scene.image).all()
    assert (labels == given).all()
    assert (mask.shape, mask.dtype) == (labels.shape, np.uint8)
    certain = np.isin(given, (Label.BACKGROUND, Label.FOREGROUND))
    assert (mask[certain] == given[certain]).all()
    assert np.isin(mask[~certain], (Label.PROBABLY_BACKGROUND, Label.PROBABLY_FOREGROUND)).all()
    found = (mask & 1).astype(bool)
    assert (found & scene.truth).sum() / (found | scene.truth).sum() > 0.85
    assert (engine.segment(image, labels, iterations=5, seed=0) == mask).all()
    engine.warm_up()
    assert 0 < engine.peak_bytes(1) <= engine.peak_bytes(10**6) <= engine.peak_bytes(10**6 + 1)
    assert engine.shared_bytes() >= 0
    for fewer, more in ((1, 10**5), (10**5, 10**6), (2 * 10**6, 10**8)):
        assert 0 < engine.estimate_s(fewer) <= engine.estimate_s(more)


def square(value):
    if value == 3:
        raise RuntimeError("three is wrong")
    return value * value, os.getpid()


def check_strategy(make):
    """The protocol of `bgremove.strategies.Strategy`; `make` gives a new strategy that has not been entered."""
    tasks = [Task(index, index, f"number {index}") for index in range(9)]
    with pytest.raises(UsageError, match="with"):
        make().run(square, tasks)
    with make() as strategy:
        strategy.warm_up()
        for _ in range(2):
            outcomes = {outcome.index: outcome for outcome in strategy.run(square, iter(tasks))}
            assert sorted(outcomes) == list(range(9))
            _check_outcomes(outcomes)
        assert list(strategy.run(square, [])) == []
        stopped = strategy.run(square, tasks)
        next(stopped)
        stopped.close()
        broken_off = strategy.run(square, _breaking_off(tasks[:2]))
        assert sorted(next(broken_off).index for _ in range(2)) == [0, 1]
        with pytest.raises(LookupError, match="no more to be had"):
            next(broken_off)
        assert len(list(strategy.run(square, tasks[:2]))) == 2


def _breaking_off(tasks):
    yield from tasks
    raise LookupError("no more to be had")


def _check_outcomes(outcomes):
    for index, outcome in outcomes.items():
        assert outcome.created_s <= outcome.started_s <= outcome.ended_s <= outcome.received_s
        assert outcome.worker > 0
        if index == 3:
            assert isinstance(outcome.error, TaskError)
            assert str(outcome.error) == "RuntimeError: three is wrong"
            assert "square" in outcome.error.__notes__[0]
            assert outcome.value is None
        else:
            assert outcome.error is None
            assert outcome.value[0] == index * index
