"""What pytest-benchmark lets pass silently, and the guard does not."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

import pytest

from gate_guarded import FAST_S, GATE, SLOW_S, other_processor

pytestmark = pytest.mark.whole_run

pytest_plugins = ["pytester"]


def move_to_root(project):
    """To where every machine finds it."""
    (path,) = project.stored()
    path.rename(project.storage / path.name)


@dataclass(frozen=True)
class Silence:
    """A way to a green run in which something is wrong: all cases are slower where not said otherwise."""

    said: str
    arguments: tuple[str, ...] = GATE
    path: str | None = "benchmarks"
    stored: bool = True
    after: dict = field(default_factory=lambda: {"seconds": SLOW_S})
    arrange: object = None


SILENCES = {
    "xdist": Silence("*pytest-xdist (-n) disables benchmarks*", (*GATE, "-n", "1")),
    "disabled": Silence("*--benchmark-disable measures nothing*", (*GATE, "--benchmark-disable")),
    "skipped": Silence("*--benchmark-skip leaves out every benchmark*", (*GATE, "--benchmark-skip")),
    "no-terminal": Silence("*test_case?one?*min 2 s, was 1 s in*", (*GATE, "-p", "no:terminal")),
    "new": Silence("*test_case?three?*not in the stored run*", after={"names": ["one", "two", "three"]}),
    "renamed": Silence("*test_case?two?*removed or renamed*", after={"names": ["one", "zwei"], "seconds": FAST_S}),
    "removed": Silence("*test_case?two?*removed or renamed*", after={"names": ["one"], "seconds": FAST_S}),
    "unmeasured": Silence("*nothing was measured*", (*GATE, "--collect-only")),
    "empty-storage": Silence("*no run of this machine*store one with*", (*GATE, "-p", "no:terminal"), stored=False),
    "nothing-to-compare-with": Silence("*add --benchmark-compare*", (GATE[1], "-p", "no:terminal")),
    "other-machine": Silence(
        "*another machine (processor: another there, * here)*",
        after={"seconds": FAST_S},
        arrange=lambda project: (project.edit_stored(other_processor), move_to_root(project)),
    ),
    "other-machine-by-name": Silence(
        "*another machine (processor: another there, * here)*",
        ("--benchmark-compare=*/0001", GATE[1]),
        after={"seconds": FAST_S},
        arrange=lambda project: project.edit_stored(other_processor),
    ),
    "swallowed-path": Silence(
        "*Put the path first: pytest benchmarks/ --benchmark-compare*",
        (GATE[1], "--benchmark-compare", "benchmarks/", "-p", "no:terminal"),
        path=None,
    ),
}


def go_silent(project, silence):
    project.write()
    if silence.stored:
        project.store()
    if silence.arrange:
        silence.arrange(project)
    return project.write(**silence.after).run(*silence.arguments, path=silence.path)


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
def test_a_gate_is_never_silently_green(project, silence):
    result = go_silent(project(), silence)
    assert result.ret not in (0, None)
    said = [*result.outlines, *result.errlines]
    pytest.LineMatcher([" ".join(said)]).fnmatch_lines([silence.said])
    assert "INTERNALERROR" not in "".join(said)
    assert "Traceback" not in "".join(said)


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
def test_pytest_benchmark_alone_is_silently_green(project, silence):
    """Should this fail, then pytest-benchmark closes this by itself, and the guard need not."""
    assert go_silent(project(guarded=False), silence).ret == 0


def test_a_gate_passes_when_nothing_is_wrong(project):
    guarded = project().write().store()
    assert guarded.run(*GATE).ret == 0
    assert guarded.run(*GATE, "-k", "one").ret == 0, "what was left out on purpose is not missing"
    assert guarded.run(*GATE, path="benchmarks/test_cases.py::test_case[one]").ret == 0


def test_a_loss_is_a_failed_test_to_every_reporter(project):
    guarded = project().write().store().write(seconds=SLOW_S)
    result = guarded.run(*GATE, "--junitxml=junit.xml")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["FAILED *::against_stored_run::test_case?one? - min*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert failures(guarded.pytester.path / "junit.xml") == {
        f"benchmarks.test_cases.against_stored_run test_case[{name}]" for name in ("one", "two")
    }


def test_pytest_benchmark_alone_leaves_junit_green(project):
    alone = project(guarded=False).write().store().write(seconds=SLOW_S)
    assert alone.run(*GATE, "--junitxml=junit.xml").ret != 0
    assert failures(alone.pytester.path / "junit.xml") == set()


def failures(junit):
    cases = ET.parse(junit).iter("testcase")  # noqa: S314 - written by this test
    return {f"{case.get('classname')} {case.get('name')}" for case in cases if case.find("failure") is not None}


def test_an_ordinary_run_of_tests_is_left_alone(project):
    guarded = project().write()
    (guarded.pytester.path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    assert guarded.run("-n", "0", path="test_plain.py").ret == 0
    assert not guarded.storage.exists() or guarded.stored() == []
