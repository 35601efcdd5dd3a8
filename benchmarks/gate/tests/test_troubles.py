"""That a project which patches, writes, waits, fails or forks costs itself what it must and no more."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from benchgate import compare
from benchgate.cli import run
from benchgate.compare import cleared
from benchgate.comparison import prepared
from benchgate.measure.messages import Collected
from benchgate.measure.pair import PairDriver
from benchgate.measure.trial import try_out
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from benchgate.settings import Settings
from benchgate.uncompared import missing, named
from gate_toy import CASES, NO_TIME, OF_PYTEST, SETTINGS, Toy, make_toy, toy_sites

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]


def test_foreign_bytes_in_files_and_names_end_no_run(toy: Toy, said: Said) -> None:
    (toy.root / "latin-1.csv").write_bytes("Größe;Maß\n".encode("latin-1"))
    (toy.root / os.fsdecode("gr\xf6\xdfe.csv".encode("latin-1"))).write_bytes(b"\xe4\n")
    toy.commit({})
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base, head" in said()


FROZEN = """
import time
import pytest
from toy import work

@pytest.fixture(autouse=True)
def frozen(monkeypatch):
    for name in ("perf_counter", "time", "monotonic", "process_time"):
        monkeypatch.setattr(time, name, lambda: 42.0)
    for module in [*__import__("sys").modules.values()]:
        if getattr(module, "perf_counter", None) is not None and module is not time:
            monkeypatch.setattr(module, "perf_counter", lambda: 42.0)

def test_work(benchmark):
    benchmark(work)
"""


def test_a_frozen_clock_does_not_reach_the_gates_own(toy: Toy, tmp_path: Path) -> None:
    case, head = "bench/bench_toy.py::test_work", toy.commit({"bench/bench_toy.py": FROZEN})
    with checkouts(toy.root, resolve(toy.root, head), resolve(toy.root, head)) as trees:
        driver = PairDriver(*toy_sites(toy, trees, tmp_path))
        trial = try_out(driver, [case], trees)
        pair = driver.measure({case: 0.2})
    assert (trial.troubles, pair.troubles) == ([], ())
    assert trial.call_s[case] > 0
    assert all(turn.base.wall_s > 0 and turn.head.wall_s > 0 for turn in pair.blocks[0].turns)


CASES_IN_TROUBLE = """
import asyncio, builtins, json, os, pathlib, socket, subprocess, sys, threading, time
from pathlib import Path
import pytest
import toy
from toy import work

def test_sound(benchmark):
    benchmark(work)

def test_coroutine(benchmark):
    async def work():
        pass
    benchmark(work)

def test_generator(benchmark):
    def numbers():
        yield 1
    benchmark(numbers)

def test_writes_while_it_is_called(benchmark):
    benchmark(lambda: Path(toy.__file__).write_text("#"))

def test_writes_afterwards(benchmark):
    benchmark(work)
    Path(toy.__file__).with_name("leftover.txt").write_text("x")

def test_kills(benchmark):
    benchmark(lambda: os._exit(1))

@pytest.mark.parametrize("value", [object()], ids=repr)
def test_address(benchmark, value):
    benchmark(work)

@pytest.mark.parametrize("value", [os.urandom(8).hex()])
def test_drawn_id(benchmark, value):
    benchmark(work)

def test_asserts_on_figures(benchmark):
    benchmark(work)
    assert benchmark.stats.stats.mean > 0
    assert benchmark.stats["mean"] > 0

@pytest.mark.parametrize("path", [toy.__file__], ids=str)
def test_path(benchmark, path):
    benchmark(work)

def test_once(benchmark):
    uses = iter([work])
    benchmark.pedantic(lambda: next(uses)(), rounds=1, iterations=1)

@pytest.fixture
def server():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", {port}))
        listening.listen()
        yield listening

def test_port(benchmark, server):
    benchmark(work)

@pytest.mark.timeout(1)  # the calls of both arms together take longer
def test_timeout(benchmark):
    benchmark(time.sleep, 0.4)

def test_expects_an_error(benchmark):
    with pytest.raises(ZeroDivisionError):
        benchmark(lambda: 1 / 0)

def test_asserts(benchmark):
    assert benchmark(work) < 0

def test_interrupts(benchmark):
    raise KeyboardInterrupt

def test_forks(benchmark):
    def forked():
        child = os.fork()
        if child:
            os.waitpid(child, 0)  # the child goes on as its parent would
    benchmark(forked)

def test_puts_others_in_place(benchmark, monkeypatch):
    def refuse(*_, **__):
        raise OSError("not here")
    for place, names in (
        (json, ("dumps", "loads")), (builtins, ("open",)), (pathlib.Path, ("exists", "read_bytes", "read_text")),
        (os, ("getpid", "listdir", "sched_setaffinity")), (threading, ("Thread",)), (subprocess, ("Popen",)),
    ):
        for name in names:
            monkeypatch.setattr(place, name, refuse)
    benchmark(work)

def test_opens_nothing(benchmark):
    import resource
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    benchmark(work)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)

def test_leaves_a_process(benchmark, request):
    benchmark(work)
    subprocess.run(f"setsid sleep 1000 & echo $! >> {request.config.rootpath}/../../left", shell=True, cwd="/")

def test_keeps_something(benchmark, request, tmp_path):
    request.config.cache.set("toy/kept", 1)
    (tmp_path / "kept").touch()
    benchmark(work)
"""
WHY = {
    "test_coroutine": "returned a coroutine that nobody has run",
    "test_generator": "returned a generator that nobody has run",
    "test_writes_while_it_is_called": "it writes into the files it is made of: toy.py",
    "test_writes_afterwards": "it writes into the files it is made of: leftover.txt",
    "test_kills": "ended unasked with status 1",
    "test_address": "its id holds an address of memory",
    "test_drawn_id": "head: not collected again: its id is another in every process, so give its parameter an id",
    "test_expects_an_error": "base: its target raised an error, which the test expects; head: its target raised",
    "test_asserts": "base: failed (call: assert ",
    "test_interrupts": "ended its whole session in this case; it said: KeyboardInterrupt",
}


def is_running(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "sleep" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])",
        ],
        stdout=subprocess.PIPE,
    ) as process:
        return int(process.communicate()[0])


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Verdict and reason of each case of one run over all of them."""
    directory = tmp_path_factory.mktemp("trouble")
    toy = make_toy(directory / "toy")
    options = "addopts = --strict-config -xvs"  # options of which the measuring must be free
    # with all plugins of pytest, which find fault at every end of a case and of the process
    settings = SETTINGS.replace(f" -p no:timeout {OF_PYTEST}", "").replace("addopts =", options)
    settings += "filterwarnings = error\n"
    settings += "cache_dir = .cache\nfaulthandler_timeout = 1\nfaulthandler_exit_on_timeout = true\n"
    (directory / "tmp").mkdir()
    toy.commit({"bench/bench_toy.py": CASES_IN_TROUBLE.replace("{port}", str(free_port())), "pytest.ini": settings})
    toy.git("tag", "--force", "base")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toy.root)
        patch.setenv("TMPDIR", str(directory / "tmp"))
        patch.setattr("tempfile.tempdir", str(directory / "tmp"))
        assert run(["--base", "base", "bench", "--budget-s", "0.001", "--output", str(directory / "output")]) == 3
    assert [file.name for file in (directory / "tmp").iterdir()] == ["left"], "and nothing of pytest's own"
    pids = (directory / "tmp/left").read_text().split()
    assert len(pids) >= 2
    assert not any(is_running(int(pid)) for pid in pids)
    findings = json.loads((directory / "output/gate.json").read_text())["findings"]
    names = [finding["case"].partition("::")[2].partition("[")[0] for finding in findings]
    return {name: (finding["verdict"], finding["why"]) for name, finding in zip(names, findings, strict=True)}


#: Cases that a user expects to work.
SOUND = (
    "test_sound", "test_asserts_on_figures", "test_path", "test_once", "test_port", "test_timeout", "test_forks",
    "test_puts_others_in_place", "test_opens_nothing", "test_leaves_a_process", "test_keeps_something",
)  # fmt: skip


def test_a_case_in_trouble_costs_itself_only(judged: dict[str, tuple[str, str]]) -> None:
    # one test, so that one worker of pytest makes the run
    assert {*judged} == {*WHY, *SOUND}
    assert [judged[name] for name in SOUND if judged[name][0] != "inconclusive"] == [], "there was no time for more"
    for name, words in WHY.items():
        verdict, why = judged[name]
        assert verdict == "incomparable", name
        assert words in why


def test_a_constant_in_an_id_is_no_address_of_memory() -> None:
    base = Collected(["b.py::a[0xdeadbeef]", "b.py::b[<object at 0x7f0000000001>]", "b.py::c[0xdeadbeef]"])
    head = Collected(["b.py::a[0xdeadbeef]", "b.py::b[<object at 0x7f0000000002>]"])
    cases, nameless = named(head.cases, base.cases)
    assert (cases, [trouble.case for trouble in nameless]) == (head.cases[:1], head.cases[1:])
    assert [trouble.case for trouble in missing(base, head)] == base.cases[2:]


def test_a_slow_case_is_said_beforehand_not_afterwards(toy: Toy, said: Said) -> None:
    slow = "import time, toy\n" + "".join(
        f"def test_{index}(benchmark):\n    benchmark(time.sleep, 0.6)\n" for index in range(2)
    )
    toy.commit({"bench/bench_toy.py": slow + CASES})
    assert run(["--base", "base", "bench", "--budget-s", "1"]) == 3
    words = said()
    assert words.startswith("before measuring, every case is called once or twice in both revisions")
    assert "one pair of 3 cases takes about" in words
    assert "too few to decide anything about all of them" in words
    assert "measured first: the quickest" in words or "not even the quickest case fits" in words
    assert "screen pair 1: 3 cases" not in words


def test_where_time_is_short_it_is_seen_which_cases_run_what_changed(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = (
        "import sys, time, toy, other\n"
        "def test_fails(benchmark):\n    benchmark(toy.missing)\n"
        "def test_same(benchmark):\n    benchmark(time.sleep, 0.01)\n"
        "def test_changed(benchmark):\n    benchmark(other.rest)\n"
        "def refuse():\n    assert 'cProfile' not in sys._getframe(1).f_code.co_filename\n"
        "def test_fails_when_traced(benchmark):\n    benchmark(refuse)\n"
        "def test_changed_too(benchmark):\n    benchmark(other.rest)\n"
    )
    rest = "import time\ndef rest():\n    time.sleep(0.01)\n"
    base = toy.commit({"bench/bench_toy.py": cases, "other.py": rest})
    toy.commit({"other.py": rest + "# changed\n"})
    with prepared(toy.root, Settings(("bench",), base=base), cleared(tmp_path / "output")) as comparison:
        assert {case.partition("::")[2] for case in comparison.running_changes(60.0)} == {
            "test_changed", "test_changed_too",
        }  # fmt: skip
        assert comparison.running_changes(0.0) == frozenset()
    monkeypatch.setattr(compare, "LOOK_SHARE", 1e6)
    assert run(["--base", base, "bench", "--budget-s", "0.001"]) == 3
    assert "2 cases more run changed files and must wait: --budget-s " in said()
