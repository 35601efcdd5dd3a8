"""Every strategy gives the same bytes, whatever the start method, the transport and the engine."""

import subprocess
import sys
from functools import cache, partial

import cv2
import pytest

from bgremove import remove_background
from bgremove.batch import make_plan, run_jobs
from bgremove.engines import DEFAULT_ENGINE, ENGINES
from bgremove.machine import start_methods
from bgremove.preparation import Preparation
from bgremove.settings import Settings
from bgremove.strategies import Task, make_strategy
from bgremove.strategies.transports import TRANSPORTS, make_transport
from tests.tiny_models import model_for

WAYS = [
    ("threads", None),
    *((name, method) for name in ("pool", "processes") for method in start_methods()),
]


def bytes_under(name, method, engine, photos, output):
    """All that a strategy gives: the files of a batch, and for each transport the cutouts of arrays."""
    workers = None if name == "sequential" else 2
    settings = Settings(engine=engine, model=model_for(engine, output.parent), emit=("cutout", "mask"))
    preparation = Preparation(engine, settings.model)
    with make_strategy(name, workers=workers, start_method=method, worker_context=preparation) as strategy:
        found = files_under(strategy, settings, photos, output)
        for transport in TRANSPORTS:
            found |= arrays_under(strategy, settings, photos, transport)
    return found


def files_under(strategy, settings, photos, output):
    plan = make_plan(photos, output, settings)
    assert {record.status for record in run_jobs(plan, strategy)} == {"ok"}
    return {path.name: path.read_bytes() for path in output.glob("*.png")}


def arrays_under(strategy, settings, photos, transport):
    tasks = [Task(index, cv2.imread(str(path)), path.name) for index, path in enumerate(sorted(photos.glob("*.png")))]
    outcomes = list(make_transport(transport).run(strategy, partial(remove_background, settings=settings), tasks))
    assert [outcome.error for outcome in outcomes] == [None] * len(tasks)
    return {
        f"{transport} {outcome.index}": outcome.value.image.tobytes() + outcome.value.mask.tobytes()
        for outcome in outcomes
    }


@pytest.fixture(scope="module")
def sequential(photos, tmp_path_factory):
    """What the loop gives, by engine."""
    return cache(lambda engine: bytes_under("sequential", None, engine, photos, tmp_path_factory.mktemp("loop")))


def check_same(name, method, engine, photos, output, sequential):
    expected = sequential(engine)
    assert len(expected) == 12 + 6 * len(TRANSPORTS)
    assert bytes_under(name, method, engine, photos, output) == expected


@pytest.mark.parametrize(
    ("name", "method"),
    [*(way for way in WAYS if way[1] != "fork"), pytest.param("dask", None, marks=pytest.mark.whole_run)],
)
def test_every_way_gives_the_bytes_of_the_loop(sequential, name, method, photos, tmp_path):
    check_same(name, method, DEFAULT_ENGINE, photos, tmp_path, sequential)


# Where an engine runs: in a thread; in a process whose parent has loaded it; in one that loads it itself.
KINDS = [("threads", None), ("processes", "forkserver"), ("pool", "spawn")]


@pytest.mark.pixels
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != DEFAULT_ENGINE])
@pytest.mark.parametrize(("name", "method"), [kind for kind in KINDS if kind in WAYS])
def test_every_engine_gives_the_bytes_of_the_loop(sequential, name, method, engine, photos, tmp_path):
    check_same(name, method, engine, photos, tmp_path, sequential)


@pytest.mark.pixels
def test_a_model_gives_the_bytes_of_the_loop_under_dask(sequential, photos, tmp_path):
    check_same("dask", None, "onnx", photos, tmp_path, sequential)


FORK = """
import sys
from pathlib import Path
from tests.test_parity import bytes_under

name, engine, photos, output = sys.argv[1:]
forked = bytes_under(name, "fork", engine, Path(photos), Path(output, "fork"))
print(forked == bytes_under("sequential", None, engine, Path(photos), Path(output, "loop")), len(forked))
"""


@pytest.mark.whole_run
@pytest.mark.parametrize("engine", ["multiscale", "onnx"])  # kernels; a runtime with threads of its own
@pytest.mark.parametrize("name", [way[0] for way in WAYS if way[1] == "fork"])
def test_a_fork_gives_the_bytes_of_the_loop(name, engine, photos, tmp_path, environment):
    # In a process of its own: the one that runs the tests has threads, which a fork would leave behind half-way.
    line = [sys.executable, "-c", FORK, name, engine, photos, tmp_path]
    result = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert result.stdout.split() == ["True", str(12 + 6 * len(TRANSPORTS))], result.stderr
