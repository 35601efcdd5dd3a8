"""The profiles of the gate, of base against head."""

import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from benchgate.errors import ArmError
from benchgate.explain.flame import own_time, parse, svg
from benchgate.explain.names import Names
from benchgate.explain.profiles import Explanation, ProfilerError, _recorded, explain, growths, while_busy
from benchgate.measure.channel import DriverEnd
from benchgate.measure.driver import Arm
from benchgate.measure.pair import PairDriver
from benchgate.revisions.git import resolve
from benchgate.revisions.packages import Packages
from benchgate.revisions.worktrees import checkouts
from benchgate.stopping import StoppedError
from gate_toy import SOURCE, Toy, make_toy, toy_site, toy_sites

pytestmark = pytest.mark.whole_run


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return make_toy(tmp_path / "toy")


RAW = """process 7:"python -c
import json, sys; f("x")
 [1, "a"]";<module> (<string>:1);Target._loop (gate/arm.py:9);work (toy.py:3);slow (toy.py:9) 30
process 7:"python -c
import json, sys; f("x")
 [1, "a"]";<module> (<string>:1);spin (gate/control.py:9) 5
process 7:"python -c ...";main (python3);<module> (<string>:1);spin (gate/control.py:9);getpid (libc.so.6) 5
process 7:"python -c ...";_bootstrap (threading.py:9);task (toy.py:5) 4
process 7:"python -c ...";_bootstrap (threading.py:9);0x7f404d8c74d0 (toy.so) 1
process 7:"python -c ...";_bootstrap (threading.py:9);0x7f404d8c7430 (toy.so) 1
process 7:"python -c ...";process 8:"python -c from spawn import main; main()";<module> (<string>:1);task (toy.py:5) 10
"""


def test_stacks_of_the_case_of_threads_and_of_workers_are_read_and_the_gates_own_left_out() -> None:
    samples = parse(RAW, "Target._loop (", 7, Names())
    assert samples == {
        ("work (toy.py)", "slow (toy.py)"): 30,
        ("_bootstrap (threading.py)", "task (toy.py)"): 4,
        ("_bootstrap (threading.py)", "functions without a name (toy.so)"): 2,
        ("<module> (<string>)", "task (toy.py)"): 10,
    }
    assert own_time(samples) == {"slow (toy.py)": 30, "task (toy.py)": 14, "functions without a name (toy.so)": 2}


#: By the file of a function, how it is called; a kept build was made in a worktree that is gone.
NAMES = {
    "/t/benchgate-trees-new/head/src/toy/a.py:7": "toy/a.py",
    "/t/benchgate-trees-new/head/bench/helper.py:7": "bench/helper.py",
    "/cache/builds/4f/toy/a.py:7": "toy/a.py",
    "/t/benchgate-trees-old/base/src/toy/fast.c:7": "toy/fast.c",
    "/t/benchgate-trees-old/base/.mesonpy-x/../src/toy/fast.c:7": "toy/fast.c",
    "/t/benchgate-trees-new/head/.venv/lib/python3.11/site-packages/a/b.py:7": "a/b.py",
    "/usr/lib/python3.11/json/encoder.py:7": "json/encoder.py",
    "/t/build.12/Modules/_json.c:7": "_json.c",
    "/usr/lib/libc.so.6": "libc.so.6",
    "Objects/listobject.c:7": "Objects/listobject.c",
    "<frozen os>:7": "<frozen os>",
    "?": "?",
}


@pytest.mark.parametrize("file", NAMES)
def test_a_function_is_called_the_same_wherever_its_revision_lies(file: str) -> None:
    names = Names(("/cache/builds/4f", "/t/benchgate-trees-new/head"), ("src", "."))
    assert names.function(f"f ({file})") == f"f ({NAMES[file]})"


@pytest.mark.parametrize(("seen_s", "cpu_s", "said"), [
    (1.2, 1.0, ""), (4.0, 1.0, "4.0 times its CPU time, as on a busy machine"), (1.0, 0.0, "longer than its CPU time"),
])  # fmt: skip
def test_of_a_busy_machine_it_is_said_that_other_functions_may_be_named(seen_s: float, cpu_s: float, said: str) -> None:
    assert said in while_busy(seen_s, cpu_s)
    assert bool(said) == bool(while_busy(seen_s, cpu_s))


def test_the_flame_graph_is_well_formed_and_red_where_it_grew() -> None:
    drawing = svg("a <case>", {("f", "g"): 2.0, ("f",): 0.5}, {("f", "g"): 1.0})
    boxes = {group[0].text: group[1].get("fill") for group in ET.fromstring(drawing)}  # noqa: S314 (our own text)
    grown = next(fill for title, fill in boxes.items() if title and title.startswith("g: 2 s a call, +100.0%"))
    assert grown == "rgb(255,80,80)"


def test_the_functions_named_are_outlined_and_stand_whole_in_a_strip() -> None:
    head = {("f", "g"): 1.0, ("h", "g"): 1.0, ("k",): 2.0}
    drawing = ET.fromstring(svg("case", head, dict.fromkeys(head, 0.5), ["g"]))  # noqa: S314 (our own text)
    outlined = [group for group in drawing if group[1].get("stroke")]
    assert [group[0].text.partition(":")[0] for group in outlined if group[0].text] == ["g", "g", "g"]
    widths = [float(group[1].get("width", "")) for group in outlined]
    assert widths == [300.0, 300.0, 600.0]
    height = float(drawing.get("viewBox", "").split()[3])
    assert max(float(group[1].get("y", "")) for group in drawing) < height


def test_a_stack_may_be_deeper_than_pythons_own() -> None:
    stack = tuple(f"f{depth}" for depth in range(5000))
    boxes = ET.fromstring(svg("deep", {stack: 2.0}, {stack[:-1]: 1.0}))  # noqa: S314 (our own text)
    assert len(boxes) == 1 + len(stack)
    assert boxes.get("viewBox") == f"0 0 1200 {18 * (len(stack) + 2)}"


@pytest.mark.parametrize("error", [
    RecursionError("too deep"), OSError("disk full"), ArmError("head", "died"), StoppedError("stopped"),
])  # fmt: skip
def test_an_explanation_that_fails_in_any_way_costs_no_verdict(
    error: Exception, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("benchgate.explain.profiles._profiled", fail)
    driver = PairDriver(toy_site(toy, tmp_path), toy_site(toy, tmp_path))
    if isinstance(error, StoppedError):
        with pytest.raises(StoppedError):
            explain(driver, "case", 1)
    else:
        note = explain(driver, "case", 1).note
        assert note.startswith("not profiled: ")
        assert note.endswith(str(error))


def test_functions_are_named_that_grew_by_more_than_sampling_may_be_wrong_by() -> None:
    def profile(**samples: int) -> dict[tuple[str, ...], float]:
        return {(name,): 0.5 * count for name, count in samples.items()}

    # of samples whose true number is the same, 170 and 200 are no rarity; 0 and 40 are
    base, head = profile(same=170, less=50, rest=580), profile(same=200, less=10, rest=580, more=40)
    (more,) = growths(base, head, 0.5)
    assert (more.function, more.base_s, more.head_s, more.share) == ("more", 0, 20, 0.05)
    assert more.error == pytest.approx(1.96 * 40**0.5 / 800)
    assert str(more) == "more: +5.0% (±1.5%) of base's call (0 s to 20 s)"
    # what is sure comes before what is large
    base, head = profile(large=3000, rest=900), profile(large=3200, rest=900, small=80)
    assert [growth.function for growth in growths(base, head, 0.5)] == ["small", "large"]
    # if none did, the one that grew most
    assert [growth.function for growth in growths(profile(f=9, g=9), profile(f=11, g=10), 0.5)] == ["f"]
    # what was not sampled has no such error
    assert [str(growth) for growth in growths(profile(f=9, g=9), profile(f=11, g=10), 0.0)] == [
        "f: +11.1% of base's call (4.5 s to 5.5 s)", "g: +5.6% of base's call (4.5 s to 5 s)",
    ]  # fmt: skip


def test_of_equal_profiles_few_functions_are_named() -> None:
    rng = np.random.default_rng(0)
    true = [300, 100, 30] * 4
    named = 0
    for _ in range(200):
        base, head = ({(str(i),): float(n) for i, n in enumerate(rng.poisson(true))} for _ in range(2))
        named += sum(growth.share > growth.error for growth in growths(base, head, 1.0))
    # growth by more than the error has a chance of one in forty for each function
    assert 0.5 <= named / (200 * len(true) / 40) <= 1.5


EXTRA = """
def extra(total):
    for number in range(30000):
        total += number
    return total
"""


def explained(driver: PairDriver, loops: int, function: str, monkeypatch: pytest.MonkeyPatch) -> Explanation:
    """Of the toy's case, from as short a profile as shows the function: on a busy machine few samples are taken."""
    for seconds in (1.0, 4.0, 16.0):
        monkeypatch.setattr("benchgate.explain.profiles.PROFILE_S", seconds)
        explanation = explain(driver, "bench/bench_toy.py::test_work", loops)
        if any(function in growth.function for growth in explanation.growths[:1]):
            break
    return explanation


@pytest.mark.parametrize("attached", [True, False])
def test_a_profile_names_the_function_that_grew(
    attached: bool, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not attached:
        monkeypatch.setattr("benchgate.explain.profiles.RATE_HZ", "no rate")  # py-spy then ends at once
    toy.commit({"toy.py": SOURCE.replace("return total", "return extra(total)") + EXTRA})
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "HEAD")) as trees:
        base, head = toy_sites(toy, trees, tmp_path)
        explanation = explained(PairDriver(base, head), 20, "extra", monkeypatch)
    assert "extra" in explanation.growths[0].function
    assert (explanation.flame != "") == attached or "cProfile" in explanation.note  # no right to ptrace here


FAST = """
#include <Python.h>
static long __attribute__((noinline)) counted(long most) {
    volatile long total = 0;
    for (long number = 0; number < most; number++) total += number;
    return total;
}
static PyObject *work(PyObject *self, PyObject *none) { return PyLong_FromLong(counted(MOST)); }
static PyMethodDef methods[] = {{"work", work, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", "", -1, methods};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }
"""


def test_a_function_of_a_compiled_module_is_named(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "fast.c"
    source.write_text(FAST)
    toy.commit({"bench/bench_toy.py": "from fast import work\ndef test_work(benchmark):\n    benchmark(work)\n"})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        sites = []
        for site, most in zip(toy_sites(toy, trees, tmp_path), ("3000000", "9000000"), strict=True):
            built = tmp_path / f"built-{site.name}"
            built.mkdir()
            include = ["-I", sysconfig.get_paths()["include"], "-o", built / "fast.so", source]
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", f"-DMOST={most}", *include], check=True)
            packages = Packages({"fast": (".",)}, (".",))
            sites.append(replace(site, places=replace(site.places, packages=packages, built=built)))
        explanation = explained(PairDriver(*sites), 1, "counted (", monkeypatch)
    if "compiled functions" in explanation.note:  # else no right to ptrace here, or no unwinding on this processor
        assert explanation.growths[0].function.startswith("counted (")
    else:
        assert "py-spy" in explanation.note


LATE = """#!{python}
import pathlib, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
time.sleep({delay})
pathlib.Path({here!r}, "attached").touch()
print("py-spy> Sampling process 200 times a second. Press Control-C to exit.", flush=True)
signal.sigwait([signal.SIGINT])
pathlib.Path(sys.argv[-1]).write_text("work (toy.py) 1")
"""


@pytest.mark.parametrize("delay", [0.7, 60])
def test_nothing_is_called_before_the_profiler_has_attached(
    delay: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "py-spy"
    program.write_text(LATE.format(python=sys.executable, delay=delay, here=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda *_, **__: str(program))
    with subprocess.Popen(["true"]) as process:
        arm = Arm("head", process.pid, DriverEnd("head", process, -1, -1), 1.0, tmp_path / "log")
    if delay > 1:
        monkeypatch.setattr("benchgate.explain.profiles.ATTACHING_S", 0.1)
        with pytest.raises(ProfilerError, match="did not attach"), _recorded(arm, tmp_path / "raw", native=False):
            pass
        return
    with _recorded(arm, tmp_path / "raw", native=False):
        assert (tmp_path / "attached").exists()
    assert (tmp_path / "raw").exists()
