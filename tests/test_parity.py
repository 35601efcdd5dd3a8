"""Every strategy gives the same bytes, whatever the start method and the engine."""

import pytest

from bgremove.batch import run_jobs
from bgremove.engines import ENGINES
from bgremove.machine import start_methods
from bgremove.plan import find_sources, plan_jobs
from bgremove.strategies import make_strategy
from bgremove.worker import Preparation, Recipe

WAYS = [("threads", None), *((name, method) for name in ("pool", "processes") for method in start_methods())]


def bytes_under(name, method, engine, photos, output):
    recipe = Recipe(engine=engine, emit=("cutout", "mask"))
    jobs = plan_jobs(find_sources([photos])[0], output, emit=recipe.emit)
    workers = None if name == "sequential" else 2
    made = make_strategy(name, workers=workers, start_method=method, worker_context=Preparation(engine))
    with made as strategy:
        assert {record.status for record in run_jobs(jobs, output, recipe, strategy)} == {"ok"}
    return {path.name: path.read_bytes() for path in output.glob("*.png")}


@pytest.fixture(scope="module", params=ENGINES)
def sequential(request, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequential")
    return request.param, bytes_under("sequential", None, request.param, photos, folder)


@pytest.mark.parametrize(("name", "method"), [way for way in WAYS if way[1] != "fork"])
def test_every_way_gives_the_bytes_of_the_loop(sequential, name, method, photos, tmp_path):
    engine, expected = sequential
    assert len(expected) == 12
    assert bytes_under(name, method, engine, photos, tmp_path) == expected
