"""A real scheduler and real workers, of one thread and of two, on loopback; and what is lost of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from bgremove.batch import make_plan, run_plan
from bgremove.comparison import contenders
from bgremove.comparison.compare import DEFAULT_CONTENDERS
from bgremove.errors import ClusterError, NotRunError, WorkerLostError
from bgremove.settings import Settings
from bgremove.strategies import Task, _cluster, _dask_cluster, make_strategy
from tests.contracts import check_strategy
from tests.dask_cluster import DaskCluster
from tests.samples import save_scene

pytestmark = pytest.mark.whole_run


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, environment):
    made = DaskCluster(tmp_path_factory.mktemp("dask"), environment, threads=[1, 2])
    yield made
    made.stop()


def run(strategy, function, values):
    outcomes = list(strategy.run(function, (Task(index, value, f"task {index}") for index, value in enumerate(values))))
    assert sorted(outcome.index for outcome in outcomes) == list(range(len(values)))
    return sorted(outcomes, key=lambda outcome: outcome.index)


class Note:
    """Writes one file a task, as `remove` does, and may kill its worker after that."""

    def __init__(self, folder, deadly=-1, lives=0):
        self.folder, self.deadly, self.lives = folder, deadly, lives

    def __call__(self, value, mode="x"):
        with open(os.path.join(self.folder, str(value)), mode):
            time.sleep(0.02)
        if value == self.deadly:
            with open(os.path.join(self.folder, "deaths"), "a+") as deaths:
                deaths.seek(0)
                if len(deaths.read()) < self.lives:
                    deaths.write("x")
                    deaths.flush()
                    os.kill(os.getpid(), signal.SIGKILL)

    def again(self, value):
        return self(value, "w")


def test_a_running_cluster_keeps_the_contract_of_a_strategy(cluster):
    check_strategy(lambda: make_strategy("auto", scheduler=str(cluster.file)))


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_task_that_kills_its_worker_twice_is_set_aside_and_no_other(where, cluster, tmp_path):
    options = {"workers": 2} if where == "here" else {"scheduler": str(cluster.file)}
    with make_strategy("dask", **options) as strategy:
        outcomes = run(strategy, Note(tmp_path, deadly=60, lives=2), range(100))
    assert [outcome.index for outcome in outcomes if outcome.error] == [60]
    assert isinstance(outcomes[60].error, WorkerLostError)
    assert "task 60: " in str(outcomes[60].error)
    assert outcomes[60].attempts == 2
    assert (tmp_path / "deaths").read_text() == "xx"


def test_a_task_that_loses_its_worker_once_is_done_at_the_second_attempt(cluster, tmp_path):
    with make_strategy("dask", scheduler=str(cluster.file)) as strategy:
        outcomes = run(strategy, Note(tmp_path, deadly=60, lives=1), range(100))
    assert [outcome.error for outcome in outcomes] == [None] * 100
    assert outcomes[60].attempts == 2
    assert {outcome.attempts for outcome in outcomes} == {1, 2}


def test_a_batch_goes_on_when_a_worker_is_killed(cluster, photos, tmp_path, monkeypatch):
    for copy in range(4):
        shutil.copytree(photos, tmp_path / "in" / str(copy))
    monkeypatch.chdir(tmp_path)  # where no worker is: paths are relative
    plan = make_plan("in", "out", Settings(engine="opencv", iterations=20), recursive=True)
    records = []
    for record in run_plan(plan, scheduler=str(cluster.file)):
        if not records:
            os.kill(record.span.worker, signal.SIGKILL)
        records.append(record)
    assert {record.status for record in records} == {"ok"}
    assert len({record.path for record in records}) == len(records) == 24
    loop = make_plan("in", "loop", Settings(engine="opencv", iterations=20), recursive=True)
    assert {record.status for record in run_plan(loop, strategy="sequential")} == {"ok"}
    assert contents(tmp_path / "out") == contents(tmp_path / "loop")


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}


def test_compare_knows_it():
    assert [each.strategy(Settings()).name for each in contenders(["dask"], [2])] == ["sequential", "dask"]
    assert "dask" not in DEFAULT_CONTENDERS


@contextmanager
def marked():
    os.environ["MARKED"] = "yes"
    yield
    del os.environ["MARKED"]


def mark(_):
    return os.environ.get("MARKED")


def test_a_worker_is_as_it_was_when_the_strategy_is_left(cluster):
    found = []
    for context in ({}, {"worker_context": marked}, {}):
        with make_strategy("dask", scheduler=str(cluster.file), **context) as strategy:
            found.append({outcome.value for outcome in run(strategy, mark, [0] * 30)})
    assert found == [{None}, {"yes"}, {None}]


def begin_and_end(file):
    with open(f"{file}.begun", "x"):
        time.sleep(0.2)
    with open(f"{file}.ended", "x"):
        pass


def test_no_task_is_under_way_when_a_run_has_been_closed(cluster, tmp_path):
    with make_strategy("dask", scheduler=str(cluster.file)) as strategy:
        outcomes = strategy.run(begin_and_end, [Task(index, str(tmp_path / str(index)), "") for index in range(40)])
        next(outcomes)
        outcomes.close()
        assert 0 < len(list(tmp_path.glob("*.begun"))) < 40
        assert len(list(tmp_path.glob("*.ended"))) == len(list(tmp_path.glob("*.begun")))


def test_other_versions_are_refused(cluster, monkeypatch):
    own = _dask_cluster.remote.versions()
    monkeypatch.setattr(_dask_cluster.remote, "versions", lambda: {**own, "NumPy": "1.0"})
    with (
        pytest.raises(ClusterError, match=rf"worker tcp://.*: NumPy is {own['NumPy']} there and 1\.0 here; .* bytes"),
        make_strategy("dask", scheduler=str(cluster.file)),
    ):
        pass
    extras = {"onnxruntime", "PyMatting", "pi-heif"}
    assert {"Python", "bgremove", "NumPy", "Numba", "OpenCV", "Pillow", "isal", *extras} == set(own)


def test_any_opencv_counts_and_an_extra_where_both_have_it(monkeypatch):
    remote = _dask_cluster.remote
    found = {"opencv-python-headless": "4.9", "opencv-contrib-python": "4.10", "onnxruntime": "1", "psutil": "7"}
    monkeypatch.setattr(remote, "installed", lambda: found)
    own = remote.versions()
    assert own["OpenCV"] == "4.10 and 4.9"
    assert remote.differing(own, {**own, "OpenCV": "4.9", "onnxruntime": "2"}) == ["OpenCV", "onnxruntime"]
    without = {name: version for name, version in own.items() if name != "onnxruntime"}
    assert remote.differing(own, without) == remote.differing(without, own) == []
    assert remote.differing(own, {**own, "isal": "1"}) == ["isal"]


def test_a_worker_with_other_versions_that_comes_later_is_not_used(cluster, monkeypatch, tmp_path):
    with make_strategy("dask", scheduler=str(cluster.file)) as strategy:
        monkeypatch.setattr(_dask_cluster.remote, "versions", dict)
        late = cluster.add_worker(1)
        with pytest.warns(RuntimeWarning, match="has come and is not used: .*NumPy"):
            outcomes = run(strategy, parent, range(30))
    late.terminate()
    late.wait()
    assert late.pid not in {outcome.value for outcome in outcomes}


def parent(_):
    time.sleep(0.05)
    return os.getppid()


def test_a_scheduler_that_ends_ends_the_run(tmp_path, environment, monkeypatch):
    monkeypatch.setattr(_cluster, "_CONNECT_S", 2)
    own = DaskCluster(tmp_path, environment, threads=[1])
    try:
        with make_strategy("dask", scheduler=str(own.file)) as strategy:
            outcomes = strategy.run(time.sleep, (Task(index, 0.05, f"task {index}") for index in range(200)))
            assert next(outcomes).error is None
            own.scheduler.kill()
            errors = [type(outcome.error) for outcome in outcomes]
    finally:
        own.stop()
    assert len(errors) == 199
    assert errors[-1] is NotRunError
    assert set(errors) <= {type(None), NotRunError}  # some may have been on their way


def test_no_workers_are_an_error(tmp_path, environment, monkeypatch):
    monkeypatch.setattr(_cluster, "WORKERLESS_S", 1)
    own = DaskCluster(tmp_path, environment, threads=[])
    try:
        with pytest.raises(ClusterError, match="no workers"), make_strategy("dask", scheduler=str(own.file)):
            pass
    finally:
        own.stop()


def test_ctrl_c_leaves_a_cluster_idle(cluster, tmp_path, environment):
    for seed in range(16):
        save_scene(tmp_path / "in" / f"{seed}.png", seed, 120, 160)
    line = [sys.executable, "-m", "bgremove", "remove", "in", "-o", "out", "--scheduler", cluster.file, "-v"]
    line += ["--engine", "opencv", "--iterations", "30"]
    options = {"cwd": tmp_path, "env": environment, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, **options) as process:
        while " ok " not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    written = contents(tmp_path / "out")
    assert 0 < len(written) < 16
    again = subprocess.run([*line, "--resume", "--json", "run.json"], **options, check=False, timeout=100)
    assert again.returncode == 0, again.stderr
    images = json.loads((tmp_path / "run.json").read_text())["images"]
    assert sorted(os.path.basename(image["path"]) for image in images) == sorted(f"{seed}.png" for seed in range(16))
    assert {image["attempts"] for image in images if image["status"] == "ok"} == {1}
    assert len(contents(tmp_path / "out")) == 16
