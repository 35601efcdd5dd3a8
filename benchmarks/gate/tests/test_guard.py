"""What pytest-benchmark lets pass silently, and that the benchmarks' plugin does not."""

import json
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

import pytest

from benchgate.guard import machine

pytestmark = pytest.mark.whole_run

pytest_plugins = ["pytester"]

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


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.setattr("pytest_benchmark.plugin.get_cpu_info", dict)  # takes a second, for tests that do not need it
    return lambda guarded=True: Project(pytester, guarded)


def other_processor(run):
    run["machine_info"].setdefault("identity", {})["processor"] = "another"
    run["machine_info"]["cpu"] = "another"


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


SAVINGS = {"autosave": ("--benchmark-autosave",), "save": ("--benchmark-save=again",)}


@pytest.mark.parametrize("saving", SAVINGS.values(), ids=SAVINGS)
def test_a_failed_run_does_not_become_the_baseline(project, saving):
    guarded = project().write().store().write(seconds=SLOW_S)
    guarded.run(*GATE, *saving).stdout.fnmatch_lines(["Not saved: this run did not pass*"])
    assert len(guarded.stored()) == 1
    assert guarded.run(*GATE).ret == 1, "the second run must be red again"
    assert guarded.write().run(*GATE, *saving).ret == 0
    assert len(guarded.stored()) == 2, "a run that passes is saved"


def test_with_pytest_benchmark_alone_a_failed_run_becomes_the_baseline(project):
    alone = project(guarded=False).write().store().write(seconds=SLOW_S)
    assert alone.run(*GATE, "--benchmark-autosave").ret != 0
    assert alone.run(*GATE).ret == 0


def test_a_run_with_a_failing_test_does_not_become_the_baseline(project):
    guarded = project().write()
    (guarded.pytester.path / "benchmarks/test_broken.py").write_text("def test_broken():\n    assert False\n")
    assert guarded.run("--benchmark-autosave").ret == 1
    assert guarded.stored() == []


def test_a_report_of_a_failed_run_is_written_but_refused_as_baseline(project):
    guarded = project().write().store().write(seconds=SLOW_S)
    assert guarded.run(*GATE, "--benchmark-json=report.json").ret == 1
    assert len(json.loads((guarded.pytester.path / "report.json").read_text())["problems"]) == 2
    result = guarded.run("--benchmark-compare=report.json", GATE[1])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*that run did not pass itself*"])


def test_a_stored_run_that_cannot_be_read_does_not_pass(project):
    guarded = project().write().store()
    guarded.stored()[0].write_text("{")
    result = guarded.run(*GATE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*0001_stored.json*"])


def test_comparing_on_a_fresh_checkout_works_and_says_what_to_do(project):
    result = project().write().run("--benchmark-compare")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["Not compared: no run of this machine*", "*pytest benchmarks/ --benchmark-autosave*"])


def test_comparing_shows_the_stored_run_and_names_what_it_lacks(project):
    guarded = project().write(names=["one"]).store().write()
    result = guarded.run("--benchmark-compare")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["test_case?one? (*stored)*", "test_case?one? (NOW)*", "Not compared*test_case?two?"])


def test_another_machine_is_left_out_of_a_comparison_and_named(project):
    guarded = project().write().store()
    guarded.edit_stored(other_processor)
    result = guarded.run("--benchmark-compare=*/0001")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["Left out: *another machine (processor: another there, * here)"])
    assert "(NOW)" not in result.stdout.str()


def test_each_machine_has_a_folder_of_its_own(project, monkeypatch):
    guarded = project().write().store()
    monkeypatch.setattr(machine, "identity", lambda _: {"processor": "another"})
    result = guarded.run("--benchmark-compare", "--benchmark-autosave")
    result.stdout.fnmatch_lines(["Not compared: no run of this machine*", "Left out: *0001_stored.json*"])
    assert len({path.parent for path in guarded.stored()}) == 2


def test_asked_to_save_nothing_it_says_so(project):
    guarded = project().write(names=[])
    guarded.run("--benchmark-autosave").stdout.fnmatch_lines(["Not saved: *measured nothing*"])
    assert guarded.stored() == []


def test_an_ordinary_run_of_tests_is_left_alone(project):
    guarded = project().write()
    (guarded.pytester.path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    assert guarded.run("-n", "0", path="test_plain.py").ret == 0
    assert not guarded.storage.exists() or guarded.stored() == []


def test_the_identity_of_a_machine_does_not_change_with_its_load(monkeypatch, tmp_path):
    before = machine.identity(tmp_path)
    memory = machine.psutil.virtual_memory()
    busy = memory._replace(available=1, total=memory.total + 50 * 2**20)
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: busy)
    assert machine.identity(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("_cpu_model", lambda _: "another"), ("_usable_cores", lambda _: "99"), ("_versions", lambda _: [("numpy", "0")])],
)
def test_the_identity_of_a_machine_is_what_decides_its_speed(monkeypatch, tmp_path, name, value):
    before = machine.identity(tmp_path)
    monkeypatch.setattr(machine, name, value)
    after = machine.identity(tmp_path)
    assert machine.digest(after) != machine.digest(before)
    assert machine.differences(before, after)


def test_libraries_count_that_the_project_depends_on(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["numpy>=1", "not-installed-here"]\n')
    assert [key for key in machine.identity(tmp_path) if key.startswith("version")] == ["version of numpy"]


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", None), ("50000 100000", "0.5"), ("900000000 1000", None)])
def test_a_container_with_a_quota_is_another_machine(tmp_path, quota, cores):
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert machine._usable_cores(file) == (cores or machine._usable_cores(tmp_path / "absent"))
