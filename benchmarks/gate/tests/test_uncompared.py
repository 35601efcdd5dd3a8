"""Cases that base has nothing to compare with: those that are new or always skipped pass, what was lost does not."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchgate.cli import run
from benchgate.decide.findings import CaseFinding, exit_status
from benchgate.measure.messages import Collected
from benchgate.measure.records import Trouble
from benchgate.uncompared import but_newly_skipped, fresh
from gate_toy import CASES, NO_TIME, SOURCE, Toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

ADDED = SOURCE + "\ndef added():\n    return 1\n"
SKIPPED = """
@pytest.mark.skipif(True, reason="no such machine")
def test_skipped_by_mark(benchmark):
    benchmark(work)

def test_skipped_inside(benchmark):
    pytest.importorskip("nowhere_to_be_found")
"""
SKIPPED_FILE = "import pytest\n\npytest.importorskip('nowhere_to_be_found')\n\ndef test_whole(benchmark):\n    pass\n"
#: What head has beside that: nothing that base could run, or that runs on this machine.
NEW = """
def test_new(benchmark):
    import toy
    assert benchmark(toy.added) == 1

@pytest.mark.skip(reason="another machine")
def test_new_and_skipped(benchmark):
    benchmark(work)
"""
NEW_FILE = """
import pytest
from toy import added

def test_new(benchmark):
    assert benchmark(added) == 1

def test_new_and_skipped(benchmark):
    pytest.skip("another machine")
"""


def verdicts_in(output: Path) -> dict[str, tuple[str, str]]:
    found = json.loads((output / "gate.json").read_text())["findings"]
    return {finding["case"].removeprefix("bench/bench_"): (finding["verdict"], finding["why"]) for finding in found}


def test_new_and_always_skipped_cases_pass_where_the_others_do(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = f"import pytest\n{CASES}{SKIPPED}"
    toy.commit({"bench/bench_toy.py": cases, "bench/bench_skipped.py": SKIPPED_FILE})
    toy.git("tag", "--force", "base")
    toy.commit({"toy.py": ADDED, "bench/bench_toy.py": cases + NEW, "bench/bench_new.py": NEW_FILE,
                "bench/bench_new_skipped.py": SKIPPED_FILE})  # fmt: skip
    for module in ("schedule", "findings"):  # one pair says enough here
        monkeypatch.setattr(f"benchgate.decide.{module}.FEWEST_PAIRS", 1)
    monkeypatch.setattr("benchgate.decide.schedule.is_clear", lambda *_: True)
    monkeypatch.setattr("benchgate.decide.findings.decide", lambda *_: "unchanged")
    words = ["--base", "base", "bench", "--tolerance", "0.9", "--budget-s", "30", "--output", str(tmp_path / "out")]
    assert run(words) == 0
    verdicts = verdicts_in(tmp_path / "out")
    assert {case: verdict for case, (verdict, _) in verdicts.items()} == {
        "toy.py::test_work": "unchanged",
        "toy.py::test_skipped_by_mark": "skipped",
        "toy.py::test_skipped_inside": "skipped",
        "toy.py::test_new": "new",
        "toy.py::test_new_and_skipped": "skipped",
        "new.py::test_new": "new",
        "new.py::test_new_and_skipped": "skipped",
        "skipped.py": "skipped",
        "new_skipped.py": "skipped",
    }
    assert "no such machine" in verdicts["toy.py::test_skipped_by_mark"][1]
    assert "nothing to compare it with: base: failed (call: AttributeError" in verdicts["toy.py::test_new"][1]
    assert verdicts["toy.py::test_new"][1].endswith("head: passed")
    shown = said()
    assert "bench/bench_toy.py::test_new" in shown
    assert {"1 unchanged", "6 skipped", "2 new"} <= {*shown.rpartition("): ")[2].partition(" raw pairs")[0].split(", ")}
    counts = ET.parse(tmp_path / "out/gate.xml").getroot().attrib  # noqa: S314 (our own file)
    assert (counts["tests"], counts["errors"], counts["failures"], counts["skipped"]) == ("9", "0", "0", "8")


LOST = """
import pytest
from toy import work

def test_now_skipped_by_mark(benchmark):
    benchmark(work)

def test_now_skipped_inside(benchmark):
    benchmark(work)

def test_skipped_by_heads_code(benchmark):
    import toy
    if hasattr(toy, "added"):
        pytest.skip("too slow now")
    benchmark(work)

def test_removed(benchmark):
    benchmark(work)

def test_renamed(benchmark):
    benchmark(work)
"""
STILL = """
import pytest
from toy import work

@pytest.mark.skip(reason="too slow now")
def test_now_skipped_by_mark(benchmark):
    benchmark(work)

def test_now_skipped_inside(benchmark):
    pytest.skip("too slow now")

def test_skipped_by_heads_code(benchmark):
    import toy
    if hasattr(toy, "added"):
        pytest.skip("too slow now")
    benchmark(work)

def test_renamed_with_what_it_calls(benchmark):
    import toy
    benchmark(toy.added)

def test_new_fails_behind(benchmark):
    import toy
    assert benchmark(toy.added) == 2

@pytest.mark.xfail(reason="known")
def test_new_is_expected_to_fail(benchmark):
    assert benchmark(work) < 0
"""
FAILS = "from toy import added\n\ndef test_fails(benchmark):\n    benchmark(added)\n    assert not 'behind it'\n"
#: By case of head or base, its verdict and what is said of it.
NO_PASS = {
    "toy.py::test_now_skipped_by_mark": ("incomparable", "too slow now); base's own definition does not skip it"),
    "toy.py::test_now_skipped_inside": ("incomparable", "too slow now); base's own definition does not skip it"),
    "toy.py::test_skipped_by_heads_code": ("incomparable", "base: ready; head: skipped (call: too slow now)"),
    "toy.py::test_removed": ("missing", "removed or renamed"),
    "toy.py::test_renamed": ("missing", "removed or renamed"),
    "toy.py::test_new_fails_behind": ("incomparable", "head: failed (call: AssertionError: assert 1 == 2)"),
    "toy.py::test_new_is_expected_to_fail": ("incomparable", "marked xfail (known)"),
    "new.py::test_fails": ("incomparable", "behind it"),
    "now_skipped.py": ("incomparable", "skipped as a whole (could not import 'nowhere_to_be_found'"),
}


def test_what_base_measured_and_head_does_not_is_no_pass(toy: Toy, tmp_path: Path) -> None:
    toy.commit({"bench/bench_toy.py": LOST, "bench/bench_now_skipped.py": CASES})
    toy.git("tag", "--force", "base")
    toy.commit({"toy.py": ADDED, "bench/bench_toy.py": STILL, "bench/bench_new.py": FAILS,
                "bench/bench_now_skipped.py": SKIPPED_FILE, "bench/bench_sound.py": CASES})  # fmt: skip
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "out")]) == 3
    found = verdicts_in(tmp_path / "out")
    assert found.pop("sound.py::test_work")[0] == "inconclusive", "base's definitions are head's again"
    assert found.pop("toy.py::test_renamed_with_what_it_calls")[0] == "new"
    assert found.keys() == NO_PASS.keys()
    for case, (verdict, words) in NO_PASS.items():
        assert found[case][0] == verdict, case
        assert words in found[case][1]
        assert exit_status([CaseFinding(case, verdict, ""), CaseFinding("sound", "unchanged", "")]) == 3  # type: ignore[arg-type]


def test_where_nothing_can_be_compared_it_is_no_pass(toy: Toy, said: Said, tmp_path: Path) -> None:
    toy.commit({"bench/bench_toy.py": None, "toy.py": SOURCE})
    toy.git("tag", "--force", "base")
    toy.commit({"toy.py": ADDED, "bench/bench_new.py": NEW_FILE})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "out")]) == 3
    assert "nothing was compared: all cases are new or skipped" in said()
    assert {verdict for verdict, _ in verdicts_in(tmp_path / "out").values()} == {"new", "skipped"}
    counts = ET.parse(tmp_path / "out/gate.xml").getroot().attrib  # noqa: S314 (our own file)
    assert (counts["errors"], counts["skipped"]) == ("1", "2")


PORT = """
import socket
import pytest
import toy

@pytest.fixture
def port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", {port}))
        yield

def test_new(port, benchmark):
    benchmark(toy.work)
"""


def test_a_new_case_that_fails_for_the_other_arm_is_compared(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.Random.shuffle", lambda _, arms: arms.sort(key=lambda arm: arm.name, reverse=True))
    from test_troubles import free_port  # noqa: PLC0415 (needs no more of it)

    toy.commit({"bench/bench_port.py": PORT.replace("{port}", str(free_port()))})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "out")]) == 3
    assert verdicts_in(tmp_path / "out")["port.py::test_new"] == ("inconclusive", "no time was left to measure it")


def test_a_case_of_base_that_cannot_be_collected_is_not_new() -> None:
    base = Collected(["a.py::one"], errors={"b.py": "ImportError", "sub": "RuntimeError"})
    head = Collected(["a.py::one", "a.py::two", "b.py::one", "sub/c.py::one"])
    assert fresh(base, head) == {"a.py::two"}
    assert fresh(Collected([], errors={".": "the process was killed"}), head) == frozenset()


def test_a_case_that_regressed_in_one_run_and_is_skipped_in_the_next_is_not_confirmed_to_be_sound() -> None:
    skipped = Trouble("a.py::one", "skipped", "base: skipped (no GPU); head: skipped (no GPU)")
    assert [*but_newly_skipped([skipped], {}, confirms=False)] == [skipped]
    (told,) = but_newly_skipped([skipped], {}, confirms=True)
    assert (told.verdict, told.why) == ("incomparable", f"{skipped.why}; it regressed before")
