"""Ways to make a benchmark run look fine: none of them may end with exit status 0 for what base has measured."""

import json
import re
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.comparison import Result
from benchgate.decide.findings import APART, CaseFinding, exit_status
from gate_toy import CASES, SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run

#: Cases of head; each name says what is wrong with it. Base lacks `added` and `FLAG`.
SABOTAGED_CASES = """
import os, signal, sys, threading, time
import pytest
import toy
from toy import work

def test_skipped(benchmark):
    pytest.skip("not today")

@pytest.mark.xfail(reason="known")
def test_is_expected_to_fail(benchmark):
    assert benchmark(work) < 0

def test_fails_in_words(benchmark):
    pytest.fail("what is wrong\\nand much beside", pytrace=False)

def test_fails_before_the_benchmark(benchmark):
    assert work() < 0

def test_fails_after_the_benchmark(benchmark):
    assert benchmark(work) < 0

def test_fails_in_the_benchmark(benchmark):
    benchmark(lambda: 1 / 0)

def test_never_calls_the_benchmark(benchmark):
    work()

def test_calls_the_benchmark_twice(benchmark):
    benchmark(work)
    benchmark(work)

def test_fails_in_base_only(benchmark):
    benchmark(toy.added)

def test_fails_in_head_only(benchmark):
    assert not hasattr(toy, "added")
    benchmark(work)

def test_ends_while_a_thread_still_measures(benchmark):
    threading.Thread(target=benchmark, args=(work,), daemon=True).start()
    time.sleep(0.05)

def test_exits_python(benchmark):
    benchmark(lambda: sys.exit(0))

def test_ends_the_process(benchmark):
    benchmark(lambda: os._exit(0))

def test_is_killed(benchmark):
    benchmark(lambda: os.kill(os.getpid(), signal.SIGKILL))

def test_ends_the_session(benchmark):
    pytest.exit("enough", returncode=0)

def test_closes_all_files(benchmark):
    benchmark(lambda: os.closerange(3, 256))

def test_writes_to_all_files(benchmark):
    def write():
        for fd in range(3, 256):
            try:
                os.write(fd, b"nonsense\\n")
            except OSError:
                pass
    benchmark(write)

if hasattr(toy, "added"):
    def test_exists_in_head_only(benchmark):
        benchmark(work)
"""

EXPECTED = {
    "test_skipped": "skipped",
    "test_fails_in_base_only": "new",
    "test_exists_in_head_only": "new",
    "test_renamed": "missing",
}


@pytest.fixture(scope="module")
def sabotaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CaseFinding]:
    """The findings of one run over all sabotaged cases."""
    directory = tmp_path_factory.mktemp("sabotage")
    toy = make_toy(directory / "toy")
    toy.commit({"bench/bench_toy.py": CASES.replace("test_work", "test_renamed")})
    toy.git("tag", "--force", "base")
    toy.commit({"toy.py": SOURCE + "def added():\n    return 1\n", "bench/bench_toy.py": SABOTAGED_CASES})
    seen: list[Result] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toy.root)
        patch.setattr("benchgate.compare.show", lambda result, *_: seen.append(result))
        status = run(["--base", "base", "bench", "--budget-s", "200", "--output", str(directory / "output")])
    assert status == 3
    return {finding.case.split("::")[1]: finding for finding in seen[0].findings}


def test_a_sabotaged_case_is_never_a_pass(sabotaged: dict[str, CaseFinding]) -> None:
    # one test, so that one worker of pytest makes the run
    assert {*sabotaged} == {*re.findall(r"def (test_\w+)", SABOTAGED_CASES), "test_renamed"}
    for name, finding in sabotaged.items():
        assert (finding.verdict, finding.why != "") == (EXPECTED.get(name, "incomparable"), True), name
        status = 0 if finding.verdict in APART else 3  # base has no such case
        assert exit_status([finding, CaseFinding("sound", "unchanged", "")]) == status
    assert "marked xfail (known)" in sabotaged["test_is_expected_to_fail"].why
    assert "leave the case out by -k or -m" in sabotaged["test_is_expected_to_fail"].why
    assert "what is wrong" in sabotaged["test_fails_in_words"].why


def test_a_case_that_hangs_costs_itself_only(toy: Toy, tmp_path: Path) -> None:
    # long enough for a busy machine to start pytest
    toy.commit(
        {"bench/bench_toy.py": f"{CASES}\ndef test_hangs(benchmark):\n    benchmark(__import__('time').sleep, 600)\n"}
    )
    assert run(["--base", "base", "--budget-s", "1", "--timeout-s", "20", "bench", "--output", str(tmp_path)]) == 3
    found = json.loads((tmp_path / "gate.json").read_text())["findings"]
    hangs, sound = sorted(found, key=lambda finding: finding["case"])
    assert (hangs["verdict"], sound["verdict"]) == ("incomparable", "inconclusive")
    assert "gave no answer for 20 s" in hangs["why"]


THREADS = """
import threading
from pathlib import Path
from toy import work

called, next_case = threading.Event(), threading.Event()
threads = []

def in_thread(function):
    threads.append(threading.Thread(target=function, daemon=True))
    threads[-1].start()

def test_ends_while_it_is_called(benchmark):
    called.clear()
    in_thread(lambda: benchmark(lambda: (called.set(), next_case.wait(60))))
    assert called.wait(60)

def test_ends_in_base_alone(benchmark):
    if Path.cwd().name == "base":
        test_ends_while_it_is_called(benchmark)
    else:
        in_thread(lambda: benchmark(work))
        threads[-1].join(60)

def test_calls_after_its_end(benchmark):
    in_thread(lambda: (next_case.wait(60), benchmark(work)))

def test_sound(benchmark):
    next_case.set()
    if threads:
        threads[-1].join(0.5)  # time for it to do harm
    benchmark(work)
"""


def test_a_thread_that_outlives_its_case_costs_that_case_alone(toy: Toy, tmp_path: Path) -> None:
    # base has none of these cases of its own: one that only head seems to be able to run would be called new
    toy.commit({"bench/bench_toy.py": THREADS})
    assert run(["--base", "base", "--budget-s", "0.001", "bench", "--output", str(tmp_path)]) == 3
    found = json.loads((tmp_path / "gate.json").read_text())["findings"]
    verdicts = {finding["case"].partition("::")[2]: (finding["verdict"], finding["why"]) for finding in found}
    assert verdicts.pop("test_sound") == ("inconclusive", "no time was left to measure it")
    verdicts.pop("test_work")  # base's own
    assert {verdict for verdict, _ in verdicts.values()} == {"incomparable"}
    assert "another thread of it still ran its benchmark" in verdicts["test_ends_while_it_is_called"][1]


OPTIONS = "-n auto --benchmark-disable --benchmark-skip -p no:terminal -p no:benchmark -x --co"
#: Plugins that take long to start.
QUICK = "-p no:hypothesispytest -p no:anyio -p no:timeout"
TRICKS = """
import threading

import pytest
from toy import work

def test_prints_and_calls_in_a_thread(benchmark):
    print("collected", '{"say": "finished"}', flush=True)
    thread = threading.Thread(target=benchmark, args=(work,))
    thread.start()
    thread.join()
"""


def test_a_loss_is_found_in_spite_of_options_and_tricks(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    # each of these makes pytest-benchmark measure nothing, or would confuse the arms' answers
    monkeypatch.setenv("PYTEST_ADDOPTS", "--benchmark-disable")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    settings = f"[pytest]\npython_files = bench_*.py\naddopts = {OPTIONS} {QUICK}\n"
    loss = SOURCE.replace("6000", "30000")
    toy.commit({"toy.py": loss, "bench/bench_toy.py": TRICKS, "pytest.ini": settings})
    monkeypatch.setattr("benchgate.compare._explain", lambda *_: [])
    for longest in ("LONGEST_FIRST_BLOCK_S", "LONGEST_BLOCK_S"):
        monkeypatch.setattr(f"benchgate.decide.schedule.{longest}", 0.2)
    for module in ("schedule", "findings"):
        monkeypatch.setattr(f"benchgate.decide.{module}.FEWEST_PAIRS", 2)  # five times slower is soon seen
    assert run(["--base", "base", "bench", "--alpha", "0.2", "--tolerance", "0.5"]) == 1


def test_a_suite_that_writes_when_it_ends_is_refused_before_anything_is_measured(
    toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.commit({"bench/conftest.py": "def pytest_sessionfinish():\n    open('report.json', 'w').close()\n"})
    assert run(["--base", "base", "bench", "--budget-s", "30"]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "while no case runs, the suite writes into the files it is made of: report.json" in said
    assert "pair 1" not in said


def test_base_s_own_definitions_need_not_work(toy: Toy, tmp_path: Path) -> None:
    base = toy.commit({"bench/conftest.py": "raise RuntimeError('of base')\n"})
    toy.commit({"bench/conftest.py": "", "bench/bench_toy.py": CASES + CASES.replace("test_work", "test_added")})
    case = "bench/bench_toy.py::test_added"
    assert run(["--base", base, "--budget-s", "0.001", case, "--output", str(tmp_path)]) == 3
    found = json.loads((tmp_path / "gate.json").read_text())
    assert [(finding["case"], finding["verdict"]) for finding in found["findings"]] == [(case, "inconclusive")]
    assert any("RuntimeError: of base" in note for note in found["notes"])
