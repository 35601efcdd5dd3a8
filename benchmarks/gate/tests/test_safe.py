"""That the gate is safe where it runs: interrupted, in a hook, with a project that patches, writes, waits or fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from benchgate import compare
from benchgate.cli import run
from benchgate.compare import cleared
from benchgate.comparison import prepared
from benchgate.measure.pair import PairDriver
from benchgate.measure.trial import try_out
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from benchgate.settings import Settings
from gate_toy import CASES, SETTINGS, SOURCE, Toy, make_toy, toy_sites

pytestmark = pytest.mark.whole_run

#: Comparisons that end before they measure.
NO_TIME = ["--base", "base", "--budget-s", "0.001"]

Said = Callable[[], str]


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | more


# --- interrupted


def started(toy: Toy, output: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "benchgate", "--base", "base", "bench", "--budget-s", "300", "--output", str(output)]
    return subprocess.Popen(words, cwd=toy.root, env=environment(), stdout=subprocess.PIPE, start_new_session=True)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_measured_before_a_stop_is_judged_and_written(
    number: signal.Signals, toy: Toy, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    pairs = output / "pairs.jsonl"
    with started(toy, output) as process:
        wait_for(lambda: pairs.exists() and len(pairs.read_text().splitlines()) >= 2, process)
        process.send_signal(number)
        shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"stopped by {number.name}" in shown.decode()
    assert b"Traceback" not in shown
    stored = json.loads((output / "gate.json").read_text())
    assert len(stored["pairs"]) >= 2
    assert stored["findings"][0]["metrics"][0]["pairs"] >= 2, "whatever was measured is shown"
    assert ET.parse(output / "gate.xml").getroot().get("errors") == "1"  # noqa: S314 (our own file)
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_a_run_under_nohup_outlives_its_terminal(toy: Toy, tmp_path: Path) -> None:
    output = tmp_path / "output"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup starts a program
    try:
        with started(toy, output) as process:
            wait_for((output / "pairs.jsonl").exists, process)
            process.send_signal(signal.SIGHUP)
            measured = (output / "pairs.jsonl").read_text()
            wait_for(lambda: (output / "pairs.jsonl").read_text() != measured, process)
            process.send_signal(signal.SIGTERM)
            shown, _ = process.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "stopped by SIGTERM" in shown.decode()


def test_a_stop_before_the_first_pair_leaves_nothing_behind(toy: Toy, tmp_path: Path) -> None:
    toy.commit({"bench/bench_toy.py": "import time\ntime.sleep(60)\n"})
    logs = tmp_path / "output/logs"
    with started(toy, tmp_path / "output") as process:
        wait_for(lambda: logs.exists() and len([*logs.iterdir()]) == 2, process)
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"error: stopped by SIGINT" in shown
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_in_a_hook_what_is_committed_stays_as_it_was_staged(toy: Toy) -> None:
    hook = toy.root / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\n{sys.executable} -m benchgate {' '.join(NO_TIME)} bench\ntest $? = 3\n")
    hook.chmod(0o755)
    toy.write({"toy.py": SOURCE + "# staged\n", "never-added.py": "x = 1\n"})
    toy.git("add", "toy.py")
    who = ["-c", "user.name=toy", "-c", "user.email=toy@example.org"]
    subprocess.run(["git", *who, "commit", "--quiet", "-m", "x"], cwd=toy.root, env=environment(), check=True)
    assert toy.git("show", "--name-only", "--format=").splitlines() == ["toy.py"]


# --- what is asked for


@pytest.mark.parametrize(("selection", "why"), [
    (("-m", "unknown"), "Unknown marker(s) in '-m' expression: unknown"),
    (("-k", "a and"), "expected not OR left parenthesis OR identifier"),
    (("--unknown",), "unrecognized arguments: --unknown"),
])  # fmt: skip
def test_what_pytest_refuses_is_told_in_its_words(selection: tuple[str, ...], why: str, toy: Toy, said: Said) -> None:
    toy.write({"pytest.ini": SETTINGS.replace("addopts =", "addopts = --strict-markers")})
    arguments = [f"--pytest-arg={word}" for word in selection]
    assert run(["--base", "base", "bench", "--budget-s", "0.001", *arguments]) == 3
    assert why in said()


# --- reports


def test_output_that_nobody_reads_changes_no_exit_status(toy: Toy) -> None:
    command = f"{sys.executable} -m benchgate --base base no-such-path"
    endings = ("| true; exit ${PIPESTATUS[0]}", "> /dev/full", ">&- 2>&-", "<&- >&- 2>&-")
    runs = [
        subprocess.Popen(["bash", "-c", f"{command} {ending}"], cwd=toy.root, env=environment()) for ending in endings
    ]
    assert [run.wait() for run in runs] == [2] * len(endings)


def test_a_folder_for_reports_is_made_only_for_reports(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "tmp"
    left.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(left))
    assert run([*NO_TIME, "no-such-path"]) == 2
    toy.write({"pyproject.toml": "[tool.benchgate]\noutput = 'out'\n"})
    assert run([*NO_TIME, "no-such-path"]) == 2
    assert [*left.iterdir()] == []
    assert (toy.root / "out/gate.xml").exists()
    said()
    toy.write({"file": ""})
    assert run([*NO_TIME, "bench", "--output", "file"]) == 2
    assert "reports cannot be written into file" in said()


def test_a_report_that_cannot_be_written_changes_no_verdict(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no/such/folder"))
    assert run([*NO_TIME, "bench"]) == 3
    assert "could not be written" in said()


def test_the_summary_of_a_github_step_is_added_to(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("of another step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert run([*NO_TIME, "bench"]) == 3
    assert summary.read_text().startswith("of another step\n### benchgate: ")


LONG = "x" * 300
ODD_CASES = f"""
import pytest
from toy import work

@pytest.mark.parametrize("value", [1], ids=["{LONG}"])
def test_long(benchmark, value):
    benchmark(work)

def test_says_anything(benchmark):
    raise ValueError("\\x1b[31m\\x00 \\udcff ]]> | `")
"""


def test_ids_and_messages_may_hold_anything(toy: Toy, said: Said, tmp_path: Path) -> None:
    toy.commit({"bench/bench_toy.py": ODD_CASES})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path)]) == 3
    words = said()
    assert "could not be written" not in words
    assert "\x1b[31m" not in words
    assert len(ET.parse(tmp_path / "gate.xml").getroot()) == 3  # noqa: S314 (our own file)
    assert "ValueError" in (tmp_path / "gate.md").read_text()


# --- projects


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
        driver = PairDriver(*toy_sites(toy, trees, tmp_path), frozenset([case]))
        trial = try_out(driver, [case], trees)
        pair = driver.measure({case: 0.2}, "screen")
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
    settings = SETTINGS.replace(" -p no:timeout", "").replace("addopts =", options) + "filterwarnings = error\n"
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


@pytest.mark.parametrize("name", WHY)
def test_a_case_in_trouble_costs_itself_only(name: str, judged: dict[str, tuple[str, str]]) -> None:
    verdict, why = judged[name]
    assert verdict == "incomparable"
    assert WHY[name] in why


@pytest.mark.parametrize("name", [
    "test_sound", "test_asserts_on_figures", "test_path", "test_once", "test_port", "test_timeout", "test_forks",
    "test_puts_others_in_place", "test_opens_nothing", "test_leaves_a_process", "test_keeps_something",
])  # fmt: skip
def test_a_case_that_a_user_expects_to_work_works(name: str, judged: dict[str, tuple[str, str]]) -> None:
    assert judged[name][0] == "inconclusive", judged[name]  # there was no time for more


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
