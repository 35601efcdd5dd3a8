"""One revision profiled, for developers."""

import signal
from pathlib import Path

import pytest

from benchgate.explain import look
from benchgate.settings import Settings
from gate_toy import SOURCE, Toy

pytestmark = pytest.mark.whole_run


# calls of a tenth of a second and more: what is runnable but waits for a processor is sampled too
POOLED = """
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
import pytest
from toy import work

@pytest.fixture
def pool():
    with multiprocessing.get_context("forkserver").Pool(2) as made:
        yield made

def test_pool(benchmark, pool):
    benchmark(pool.map, work, [3_000_000] * 2)

def test_threads(benchmark):
    with ThreadPoolExecutor(1) as threads:
        benchmark(lambda: threads.submit(work, 3_000_000).result())

def test_other(benchmark):
    benchmark(work)
"""


@pytest.mark.parametrize("attached", [True, False])
def test_one_revision_is_profiled_by_a_command(
    attached: bool, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchgate.explain.profiles.PROFILE_S", 1.0)
    if not attached:
        monkeypatch.setattr("benchgate.explain.profiles.RATE_HZ", "no rate")  # py-spy then ends at once
    toy.write({"bench/bench_toy.py": POOLED})
    assert look.run(["bench", "-k", "pool", "--output", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("bench/bench_toy.py::test_pool: ")
    assert "test_other" not in shown
    assert not (toy.root / ".pytest_cache").exists(), "nothing of the user's is changed"
    if not attached or "cProfile" in shown:  # no right to ptrace here
        assert "cProfile instead, which does not see worker processes" in shown
        return
    assert "work (toy.py)" in shown.splitlines()[1], "the function that runs in the workers comes first"
    (drawing,) = [file.read_text() for file in (tmp_path / "out").glob("flame-bench-bench-toy-py-test-pool-*.svg")]
    assert "% of the call" in drawing
    assert "work (toy.py)" in drawing


def test_work_in_threads_is_profiled(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchgate.explain.profiles.PROFILE_S", 1.0)
    toy.write({"bench/bench_toy.py": POOLED})
    assert look.run(["bench", "-k", "threads", "--output", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    if "cProfile" not in shown:  # no right to ptrace here
        assert "work (toy.py)" in shown


ONCE = """
from toy import work

def test_once(benchmark):
    uses = iter([300])  # long enough to be sampled
    benchmark.pedantic(lambda: [work() for _ in range(next(uses))])
"""


def test_a_case_that_cannot_be_profiled_costs_itself_only(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchgate.explain.profiles.PROFILE_S", 0.1)
    broken = "\ndef test_a(benchmark):\n    benchmark(lambda: 1 / 0)\n\ndef test_b(benchmark):\n    pass\n"
    toy.write({"bench/bench_a.py": broken, "bench/bench_b.py": ONCE})
    assert look.run(["bench"]) == 3
    first, second, *others = capsys.readouterr().out.splitlines()
    assert first == "error: bench/bench_a.py::test_a: call: ZeroDivisionError: division by zero"
    assert second == "error: bench/bench_a.py::test_b: it passed without calling the benchmark fixture"
    assert others[0].startswith("bench/bench_b.py::test_once: ")
    assert any(line.startswith("bench/bench_toy.py::test_work: ") for line in others)


ADDRESSED = """
import pytest
from toy import work

@pytest.mark.parametrize("value", [object(), "named"], ids=repr)
def test_work(benchmark, value):
    benchmark(work)
"""


def test_a_case_whose_id_is_another_in_every_process_is_called_that(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchgate.explain.profiles.PROFILE_S", 0.1)
    toy.write({"bench/bench_toy.py": ADDRESSED})
    assert look.run(["bench"]) == 3
    said = capsys.readouterr().out
    assert "INTERNALERROR" not in said
    assert "not collected again: its id is another in every process, so give its parameter an id" in said
    assert "bench/bench_toy.py::test_work['named']: " in said


@pytest.mark.parametrize(("arguments", "status"), [
    (["bench", "-k", "nothing_like_it"], 2), (["benhc"], 2), (["bench", "-k", "fails"], 3), (["bench"], 3),
    (["bench", "--output", "toy.py/out"], 3),
])  # fmt: skip
def test_a_profile_of_nothing_is_an_error(
    arguments: list[str], status: int, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.write({"bench/bench_toy.py": "def test_fails(benchmark):\n    benchmark(lambda: 1 / 0)\n"})
    if arguments == ["bench"]:
        toy.write({"bench/bench_more.py": "import nowhere_to_be_found\n"})
    assert look.run(arguments) == status
    assert capsys.readouterr().out.startswith("error: ")


def test_a_stop_of_a_profile_is_told(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchgate.explain.look.collect", lambda *_: signal.raise_signal(signal.SIGINT))
    assert look.run(["bench"]) == 130
    assert capsys.readouterr().out == "error: stopped by SIGINT\n"


def test_what_is_built_is_profiled(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchgate.explain.profiles.PROFILE_S", 0.1)
    monkeypatch.setattr("benchgate.explain.profiles.RATE_HZ", "no rate")  # py-spy then ends at once
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    toy.write({"built.py": SOURCE.replace("work", "compiled") + "work = compiled\n"})
    assert look.run(["bench", "--prepare", "cp built.py {target}/toy.py"]) == 0
    assert "compiled (toy.py)" in capsys.readouterr().out
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_a_checkout_that_lacks_its_compiled_modules_is_not_profiled(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.moved({"toy/__init__.py": SOURCE, "toy/_fast.pyx": "", ".gitignore": "*.so\n"})
    assert look.run(["bench"]) == 3
    assert "no compiled toy._fast, which is known from its source toy/_fast.pyx" in capsys.readouterr().out
    toy.write({"toy/_fast.so": ""})  # as built in place
    with look._site(toy.root, Settings(("bench",)), tmp_path) as site:
        assert site.root == toy.root
