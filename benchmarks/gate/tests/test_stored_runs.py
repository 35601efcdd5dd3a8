"""Which runs the guard stores, and which of them it compares with."""

import json

import pytest

from benchgate.guard import machine
from gate_guarded import GATE, SLOW_S, other_processor

pytestmark = pytest.mark.whole_run

pytest_plugins = ["pytester"]

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
