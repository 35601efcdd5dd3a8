"""Where the system starts no more threads (``ulimit -u``, a container), the work is done by those that there are."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bgremove import iter_cutouts, remove_backgrounds, rows
from bgremove.bar import bar
from bgremove.cli import run
from bgremove.errors import WorkerLostError
from bgremove.meter import Meter
from bgremove.pace import Pace
from bgremove.storage import in_parallel
from bgremove.strategies import Task, make_strategy
from fixtures.scenes import make_scene
from tests.samples import save_scene


@pytest.fixture(params=[0, 1])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many threads may still be started."""
    left = [int(request.param)]
    start = threading.Thread.start

    def start_or_fail(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    return left[0]


def double(value: int) -> int:
    return 2 * value


@pytest.mark.usefixtures("few")
def test_the_threads_that_there_are_do_every_task_once() -> None:
    with make_strategy("threads", workers=4) as strategy:
        strategy.warm_up()
        for _ in range(2):
            outcomes = list(strategy.run(double, (Task(index, index, "") for index in range(20))))
            assert sorted((outcome.index, outcome.value) for outcome in outcomes) == [(i, 2 * i) for i in range(20)]
        stopped = strategy.run(double, (Task(index, index, "") for index in range(20)))
        next(stopped)
        stopped.close()


def test_one_image_and_many_are_cut_out(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_threads", lambda most: min(most, 4))
    images = [make_scene(60, 80, seed).image for seed in range(3)]
    outcomes = {each.index: each for each in iter_cutouts(images, strategy="threads", workers=3)}
    assert [outcomes[index].error for index in range(3)] == [None] * 3
    assert rows.in_threads(double, range(40)) == list(range(0, 80, 2))
    with rows.beside(lambda: few) as result:
        assert result() == few


def test_an_error_in_a_band_is_raised(few: int) -> None:
    def fail(value: int) -> None:
        if value == 30:
            raise LookupError(few)

    with pytest.raises(LookupError):
        rows._run(fail, range(40), 4)


@pytest.mark.usefixtures("few")
def test_a_folder_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bgremove.batch.headers.WINDOW", 2)
    (tmp_path / "in").mkdir()
    for number in range(5):
        save_scene(tmp_path / f"in/{number}.png", number)
    records = remove_backgrounds(tmp_path / "in", tmp_path / "out", strategy="threads", workers=2)
    assert [record.status for record in records] == ["ok"] * 5
    assert list(in_parallel(double, range(90))) == list(range(0, 180, 2))
    assert run(["remove", str(tmp_path / "in"), "-o", str(tmp_path / "more"), "--strategy", "sequential"]) == 0


@pytest.mark.usefixtures("few")
def test_progress_and_figures_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = io.StringIO()
    with Meter() as meter, bar(Console(file=screen, force_terminal=True), Pace("images", 2)) as advance:
        advance()
        advance()
        np.ones(10)
    assert meter.reading.peak_bytes > 0
    assert "2/2" in screen.getvalue()


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EMFILE])
def test_the_command_says_in_words_that_no_worker_can_be_started(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    save_scene(tmp_path / "a.png", 1)
    monkeypatch.setattr("bgremove.cli.remove.run_plan", fail)
    assert run(["remove", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]) == 1
    assert "error: the system gives no more threads, processes or open files" in capsys.readouterr().err


def test_a_pool_that_cannot_be_started_says_why_and_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def start_or_fail(thread: threading.Thread) -> None:
        if "_handle_tasks" in repr(getattr(thread, "_target", "")):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    with pytest.raises(WorkerLostError, match="no pool of 2 workers can be started"), make_strategy("pool", workers=2):
        pass
    assert not multiprocessing.active_children()


def test_an_end_of_a_connection_is_no_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EOFError("unexpected EOF")

    save_scene(tmp_path / "a.png", 1)
    monkeypatch.setattr("bgremove.cli.remove.run_plan", fail)
    assert run(["remove", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]) == 1
    assert "interrupted" not in capsys.readouterr().err
