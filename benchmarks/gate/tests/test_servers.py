"""That cases which cannot live beside their other arm, or would use its server, are measured without it."""

import socket
from pathlib import Path

import pytest

from benchgate.measure.pair import PairDriver
from benchgate.measure.trial import try_out
from benchgate.notes import told_alone
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from gate_toy import make_toy, toy_sites

pytestmark = pytest.mark.whole_run

CASES = """
import fcntl, os, signal, socket, subprocess, sys, time
from pathlib import Path
import pytest
from toy import work

SERVER = "import socket; server = socket.create_server(('127.0.0.1', {port}))"
SERVER += "; print(1, flush=True)\\nwhile True: server.accept()"

@pytest.fixture
def server_that_answers():
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as process:
        process.stdout.readline()  # nothing where it has ended, for the port is taken
        while True:
            try:
                socket.create_connection(("127.0.0.1", {port})).close()
                break
            except OSError:
                time.sleep(0.01)
        yield
        process.kill()

@pytest.fixture
def port_of_two():
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", {port_of_two}))
        listening.listen()
        yield

@pytest.fixture
def file_of_a_socket():
    with socket.socket(socket.AF_UNIX) as listening:
        Path({path!r}).unlink(missing_ok=True)
        listening.bind({path!r})
        yield

@pytest.fixture
def only_user_of_a_file():
    try:
        os.close(os.open({path!r} + ".user", os.O_CREAT | os.O_EXCL))
    except OSError:
        raise SystemExit(1) from None  # as of a server, with no word of what it lacks
    yield
    os.unlink({path!r} + ".user")

@pytest.fixture
def memory_of_one():
    # kills a process that comes second, as the system does where both do not fit into its memory
    with open({path!r} + ".memory", "w") as memory:
        try:
            fcntl.flock(memory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.kill(os.getpid(), signal.SIGKILL)
        yield

@pytest.fixture
def own_server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        yield
"""
CASE = """
def test_{fixture}(benchmark, {fixture}):
    benchmark(work)
"""
TOGETHER = ("own_server",)
ALONE = ("server_that_answers", "port_of_two", "file_of_a_socket", "only_user_of_a_file", "memory_of_one")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_what_both_arms_would_share_is_measured_in_one_after_the_other(tmp_path: Path) -> None:
    toy, path = make_toy(tmp_path / "toy"), str(tmp_path / "socket")
    cases = CASES.format(port=free_port(), port_of_two=free_port(), path=path)
    cases += "".join(CASE.format(fixture=fixture) for fixture in TOGETHER + ALONE)
    head = resolve(toy.root, toy.commit({"bench/bench_toy.py": cases}))
    ids = {fixture: f"bench/bench_toy.py::test_{fixture}" for fixture in TOGETHER + ALONE}
    with checkouts(toy.root, head, head) as trees:
        driver = PairDriver(*toy_sites(toy, trees, tmp_path))
        trial = try_out(driver, [*ids.values()], trees)
    assert trial.troubles == []
    assert set(trial.call_s) == set(ids.values())
    assert driver.alone == {ids[fixture] for fixture in ALONE}


FAILING = """
import pytest, toy
from pathlib import Path

@pytest.mark.parametrize("number", range(3))
def test_work(benchmark, number):
    with Path({starts!r}).open("a") as starts:
        starts.write(".")
    benchmark(toy.added)
"""


def test_cases_that_fail_alone_for_one_reason_are_not_all_tried_alone(tmp_path: Path) -> None:
    toy, starts = make_toy(tmp_path / "toy"), tmp_path / "starts"
    base = resolve(toy.root, toy.commit({"bench/bench_toy.py": FAILING.format(starts=str(starts))}))
    head = resolve(toy.root, toy.commit({"toy.py": "def added():\n    pass\n"}))
    cases = [f"bench/bench_toy.py::test_work[{number}]" for number in range(3)]
    with checkouts(toy.root, base, head) as trees:
        driver = PairDriver(*toy_sites(toy, trees, tmp_path))
        trial = try_out(driver, cases, trees)
    assert [trouble.verdict for trouble in trial.troubles] == ["incomparable"] * 3
    assert driver.alone == set()
    assert len(starts.read_text()) == 2 * 3 + 1, "once in both arms, and once in the arm that failed"


def test_it_is_told_once_which_cases_are_measured_so() -> None:
    assert [*told_alone({"b", "a"})] == [
        "measured in one arm after the other, for both at once would fail, or might share a server: a, b"
    ]
    assert [*told_alone(set())] == []
