"""A cluster of Dask that is started here, and what is said where there is none."""

import os
import subprocess
import sys
import tempfile

import dask
import psutil
import pytest

from bgremove.errors import ClusterError, UsageError
from bgremove.strategies import _cluster, make_strategy
from tests.strategy_runs import run

pytestmark = pytest.mark.whole_run


def test_a_cluster_here_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    before = dict(os.environ)
    with make_strategy("dask", workers=1) as strategy:
        assert run(strategy, os.getenv, ["MALLOC_TRIM_THRESHOLD_"])[0].value == before.get("MALLOC_TRIM_THRESHOLD_")
    assert dict(os.environ) == before


LEFT = """
import os, signal
from bgremove.strategies import Task, make_strategy

if __name__ == "__main__":
    with make_strategy("dask", workers=1) as strategy:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_cluster_left_is_removed_by_the_next(tmp_path, environment, monkeypatch):
    (tmp_path / "script.py").write_text(LEFT)
    (tmp_path / "temporary").mkdir()
    own = {**environment, "TMPDIR": str(tmp_path / "temporary")}
    assert subprocess.run([sys.executable, tmp_path / "script.py"], env=own, check=False, timeout=60).returncode == -9
    assert len(list((tmp_path / "temporary").glob("bgremove-*"))) == 1
    monkeypatch.setattr(tempfile, "tempdir", own["TMPDIR"])
    with make_strategy("dask", workers=1):
        assert len(list((tmp_path / "temporary").glob("bgremove-*"))) == 1
    assert list((tmp_path / "temporary").glob("bgremove-*")) == []


def read_setting(name):
    return dask.config.get(name)


def test_no_setting_of_dask_ends_a_cluster_here_before_its_use_is_over():
    settings = ("scheduler.idle-timeout", "scheduler.no-workers-timeout", "worker.lifetime.duration")
    names = [f"distributed.{name}" for name in settings]
    with dask.config.set(dict.fromkeys(names, "1s")), make_strategy("dask", workers=1) as strategy:
        assert [outcome.value for outcome in run(strategy, read_setting, names).values()] == [None] * 3


@pytest.mark.parametrize(
    ("scheduler", "error", "message"),
    [
        ("tcp://127.0.0.1:9", ClusterError, "tcp://127.0.0.1:9: no scheduler of Dask answers there"),
        ("pigeon://127.0.0.1:9", ClusterError, "pigeon"),
        ("tls://127.0.0.1:9", ClusterError, "tls://127.0.0.1:9: no scheduler of Dask answers there"),
        ("nowhere.json", UsageError, "nowhere.json: neither a scheduler file nor an address"),
        ("broken.json", UsageError, "broken.json: not a scheduler file"),
        ("empty.json", UsageError, "empty.json: not a scheduler file"),
    ],
)
def test_a_wrong_scheduler_is_named_within_bounded_time(scheduler, error, message, tmp_path, monkeypatch):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "empty.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_cluster, "_CONNECT_S", 1)
    with pytest.raises(error, match=message), make_strategy("dask", scheduler=scheduler):
        pass


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(UsageError, match=r"bgremove\[dask\]"), make_strategy("dask"):
        pass


MEMORY = """
import sys
import psutil
from bgremove.strategies import Task, Task, make_strategy

def peak_bytes(strategy, count):
    tasks = (Task(index, index, f"/photos/a folder/{index}.jpg") for index in range(count))
    return max(psutil.Process().memory_info().rss for each in strategy.run(abs, tasks) if each.index % 50 == 0)

if __name__ == "__main__":
    with make_strategy("dask", workers=2) as strategy:
        print(peak_bytes(strategy, int(sys.argv[1])), peak_bytes(strategy, int(sys.argv[2])))
"""


def test_memory_does_not_grow_with_the_number_of_tasks(tmp_path, environment):
    (tmp_path / "script.py").write_text(MEMORY)
    line = [sys.executable, tmp_path / "script.py", "1000", "20000"]
    result = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=200)
    few, many = map(int, result.stdout.split())
    assert many < 1.1 * few, result.stderr
    assert not [
        each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(each.info["cmdline"] or ())
    ]
