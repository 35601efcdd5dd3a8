"""A project with benchmarks, guarded or not, whose cases pretend to take some time."""

import json
import warnings

CASES = """
import pytest

now_s = 0.0

def clock():  # pretends, so that no load of this machine can decide a test
    return now_s

def work():
    global now_s
    now_s += {seconds}

@pytest.mark.benchmark(timer=clock)
@pytest.mark.parametrize("name", {names})
def test_case(benchmark, name):
    benchmark.pedantic(work, rounds=2)
"""
GATE = ("--benchmark-compare", "--benchmark-compare-fail=min:5%")
SLOW_S, FAST_S = 2.0, 1.0


class Project:
    """A folder with benchmarks in it, guarded or not."""

    def __init__(self, pytester, guarded):
        self.pytester, self.guarded = pytester, guarded
        self.storage = pytester.path / ".benchmarks"
        if guarded:  # as a conftest asks for it, or as it is there where benchgate is installed
            pytester.makeconftest('pytest_plugins = ["benchgate.guard.plugin"]')

    @property
    def options(self):
        return () if self.guarded else ("-p", "no:benchgate.guard.plugin")

    def write(self, names=("one", "two"), seconds=FAST_S, file="benchmarks/test_cases.py"):
        path = self.pytester.path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(CASES.format(names=list(names), seconds=seconds))
        return self

    def run(self, *arguments, path="benchmarks"):
        with warnings.catch_warnings():
            warnings.simplefilter("error" if self.guarded else "ignore")  # as in this project; as out of the box
            return self.pytester.runpytest_inprocess(
                *([path] if path else []), "-p", "no:cacheprovider", *self.options, *arguments
            )

    def store(self):
        assert self.run("--benchmark-save=stored").ret == 0
        return self

    def stored(self):
        return sorted(self.storage.rglob("*.json"))

    def edit_stored(self, change):
        (path,) = self.stored()
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


def other_processor(run):
    run["machine_info"].setdefault("identity", {})["processor"] = "another"
    run["machine_info"]["cpu"] = "another"
