"""The project that the study changes: a small suite of the shapes that benchmarks have, with standard Python only."""

from dataclasses import dataclass
from pathlib import Path

from benchgate.revisions.git import git


@dataclass(frozen=True)
class Place:
    """Where a change is planted: a function of a file, and the case that calls it."""

    file: str
    function: str
    case: str


#: Extra work in a function that runs in worker processes, in the code that hands work out, or extra memory held.
PLACES = {
    "worker": Place("subject.py", "task", "bench/bench_subject.py::test_pool"),
    "dispatch": Place("subject.py", "dispatch", "bench/bench_subject.py::test_dispatch"),
    "compute": Place("subject.py", "compute", "bench/bench_subject.py::test_simple[compute]"),
    "memory": Place("subject.py", "hold", "bench/bench_subject.py::test_simple[hold]"),
}

_SOURCE = '''"""Work of several kinds."""

import ast
import hashlib
import json
import re
import zlib

DATA = bytes(range(256)) * 400


def compute(rounds=120_000):
    total = 0
    for number in range(rounds):
        total += number & 7
    return total


def task(rounds):
    total = 0
    for number in range(rounds):
        total ^= number
    return total


def pooled(pool):
    return sum(pool.map(task, [60_000] * 8, chunksize=1))


def identity(value):
    return value


def dispatch(pool):
    return [pool.apply(identity, (value,)) for value in range(40)]


def hold():
    kept = [bytes([number % 256]) * 100_000 for number in range(300)]
    return len(kept)


def compress():
    return len(zlib.compress(DATA, 6))


def digest():
    return hashlib.sha256(DATA * 10).hexdigest()


def dump():
    return len(json.dumps([{"key": number, "value": [number] * 5} for number in range(4000)]))


def order():
    return sorted(((number * 7919) % 100_003 for number in range(30_000)), key=lambda number: -number)[0]


def match():
    return len(re.findall(r"(\\w+)-(\\d+)", "alpha-12 beta-7 " * 3000))


def table():
    return len({str(number): number for number in range(60_000)})


def count_words():
    counts = {}
    for word in ("the quick brown fox jumps over the lazy dog " * 2000).split():
        counts[word] = counts.get(word, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def parse():
    return len(list(ast.walk(ast.parse("value = [f(x) + 1 for x in items if x]\\n" * 120))))


def threaded(threads):
    return list(threads.map(lambda part: hashlib.sha256(DATA * part).digest(), range(1, 17)))


def copy(path):
    path.write_bytes(DATA * 20)
    return len(path.read_bytes())
'''

#: Functions that need nothing but themselves.
SIMPLE = ["compress", "digest", "dump", "order", "match", "table", "count_words", "parse", "compute", "hold"]

_CASES = f"""import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
import subject


@pytest.fixture(scope="module")
def pool():
    with multiprocessing.get_context("forkserver").Pool(2) as made:
        yield made


def test_pool(benchmark, pool):
    benchmark(subject.pooled, pool)


def test_dispatch(benchmark, pool):
    benchmark(subject.dispatch, pool)


def test_threads(benchmark):
    with ThreadPoolExecutor(2) as threads:
        benchmark(subject.threaded, threads)


def test_file(benchmark, tmp_path):
    benchmark(subject.copy, tmp_path / "copy")


@pytest.mark.parametrize("name", {SIMPLE!r})
def test_simple(benchmark, name):
    benchmark(getattr(subject, name))
"""


#: Of these, those of the race: benchmatrix needs four runs of the suite more for each further case.
RACED = ["order", "match", "parse", "compute"]
#: They once more, as benchmatrix wants cases to be declared.
_MATRIX = f"""import subject
from benchmatrix import BenchmarkCase, make_benchmark_test

test_matrix = make_benchmark_test(
    {{"subject": lambda name: getattr(subject, name)()}},
    [BenchmarkCase.from_values(name, name) for name in {RACED!r}],
    metrics=["single_call_latency"],
)
"""


def simple(name: str) -> str:
    """The id of the case of a function that needs nothing but itself."""
    return f"bench/bench_subject.py::test_simple[{name}]"


def make_subject(root: Path) -> Path:
    """A repository with the suite in one commit; returns `root`."""
    (root / "bench").mkdir(parents=True)
    (root / "subject.py").write_text(_SOURCE)
    (root / "bench/bench_subject.py").write_text(_CASES)
    (root / "matrix").mkdir()
    (root / "matrix/bench_matrix.py").write_text(_MATRIX)
    (root / "pytest.ini").write_text("[pytest]\npython_files = bench_*.py\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    who = ("-c", "user.name=study", "-c", "user.email=study@example.org")
    git(root, *who, "commit", "--quiet", "-m", "subject")
    return root
