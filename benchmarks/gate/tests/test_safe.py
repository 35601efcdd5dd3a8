"""That the gate is safe where it runs: interrupted, in a hook, with a project that patches, writes, waits or fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from benchgate import __main__
from benchgate.cli import run
from benchgate.compare import cleared
from benchgate.report import files
from benchgate.revisions.git import WORKING_TREE, resolve
from gate_toy import NO_TIME, SETTINGS, SOURCE, Toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | more


# --- interrupted


def started(toy: Toy, output: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "benchgate", "--base", "base", "bench", "--budget-s", "300", "--output", str(output)]
    words += more
    return subprocess.Popen(words, cwd=toy.root, env=environment(), stdout=subprocess.PIPE, start_new_session=True)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.05)


def check_stopped(by: signal.Signals, process: subprocess.Popen[bytes], output: Path, toy: Toy) -> None:
    """The run ends, and what was measured is judged and written."""
    process.send_signal(by)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"stopped by {by.name}" in shown.decode()
    assert b"Traceback" not in shown
    stored = json.loads((output / "gate.json").read_text())
    assert len(stored["pairs"]) >= 2
    (finding,) = stored["findings"]
    clean = sum(metric["pairs"] for metric in finding["metrics"][:1])  # there may be none on a busy host
    assert clean + finding["disturbed"] >= 2, "whatever was measured is shown"
    assert ET.parse(output / "gate.xml").getroot().get("errors") == "1"  # noqa: S314 (our own file)
    assert len(toy.git("worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_was_measured_before_a_stop_is_judged_and_written(
    number: signal.Signals, toy: Toy, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    pairs = output / "pairs.jsonl"
    with started(toy, output) as process:
        wait_for(lambda: pairs.exists() and len(pairs.read_text().splitlines()) >= 2, process)
        check_stopped(number, process, output, toy)


def test_a_run_under_nohup_outlives_its_terminal_until_it_is_stopped(toy: Toy, tmp_path: Path) -> None:
    output = tmp_path / "output"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup starts a program
    try:
        with started(toy, output) as process:
            wait_for((output / "pairs.jsonl").exists, process)
            process.send_signal(signal.SIGHUP)
            measured = len((output / "pairs.jsonl").read_text().splitlines())
            wait_for(lambda: len((output / "pairs.jsonl").read_text().splitlines()) > max(measured, 1), process)
            check_stopped(signal.SIGTERM, process, output, toy)
    finally:
        signal.signal(signal.SIGHUP, before)


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


def test_a_stop_while_a_revision_is_built_ends_what_builds_it(toy: Toy, tmp_path: Path) -> None:
    build = toy.root / "build.sh"
    build.write_text("sleep 1000 & echo $! > pid\nmv pid " + str(tmp_path) + "\nwait\n")
    with started(toy, tmp_path / "output", "--prepare", f"sh {build}") as process:
        wait_for((tmp_path / "pid").exists, process)
        process.send_signal(signal.SIGTERM)
        assert b"error: stopped by SIGTERM" in process.communicate(timeout=60)[0]
    assert process.returncode == 130
    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(int((tmp_path / "pid").read_text())).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_of_a_bisection_leaves_nothing_behind(number: signal.Signals, toy: Toy, tmp_path: Path) -> None:
    """It comes while the commit between good and bad is compared; that bad is slower is only pretended."""
    told = tmp_path / "told"
    toy.commit({"toy.py": f"import time, pathlib\npathlib.Path({str(told)!r}).touch()\ntime.sleep(60)\n"})
    bad = toy.commit({"toy.py": SOURCE})
    script = f"""
import sys
from benchgate import cli, compare

measured = compare.compared
compare.compared = lambda given: (1, ["bench"]) if given[3] == {bad!r} else measured(given)
sys.exit(cli.run(["bisect", "base", "HEAD", "bench"]))
"""
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, cwd=toy.root, env=environment(), stdout=subprocess.PIPE) as process:
        wait_for(told.exists, process)
        process.send_signal(number)
        shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"stopped by {number.name}" in shown.decode()
    assert toy.git("for-each-ref", "--format=%(refname)").splitlines() == ["refs/heads/main", "refs/tags/base"]
    assert not (toy.root / ".git/worktrees").exists()


def test_a_signal_while_the_report_is_written_does_not_cut_it_short(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = files.write

    def write(*given: Any) -> list[str]:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
        return written(*given)

    monkeypatch.setattr("benchgate.report.files.write", write)
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "output")]) == 3
    assert (tmp_path / "output/gate.xml").exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_second_signal_does_not_disturb_what_the_first_has_ended(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchgate.compare.prepared", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert run(["bench", "--output", str(tmp_path / "output")]) == 130
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_before_anything_is_begun_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchgate.cli.run", lambda: signal.raise_signal(signal.SIGINT))
    assert __main__.main() == 130
    assert capsys.readouterr() == ("", "")


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


@pytest.mark.parametrize(("words", "why"), [
    (("bench", "--pytest-arg=-m", "--pytest-arg=unknown"), "Unknown marker(s) in '-m' expression: unknown"),
    (("bench", "--pytest-arg=-k", "--pytest-arg=a and"), "expected not OR left parenthesis OR identifier"),
    (("bench", "--pytest-arg=--unknown"), "unrecognized arguments: --unknown"),
    (("bench/bench_toy.py::test_none",), "not found: bench/bench_toy.py::test_none"),
])  # fmt: skip
def test_what_pytest_refuses_is_told_in_its_words(words: tuple[str, ...], why: str, toy: Toy, said: Said) -> None:
    toy.write({"pytest.ini": SETTINGS.replace("addopts =", "addopts = --strict-markers")})
    assert run(["--base", "base", *words, "--budget-s", "0.001"]) == 2
    told = said()
    assert "error: pytest refuses what it was asked: " in told
    assert why in told


def test_an_option_that_only_head_has_is_no_wrong_use(toy: Toy, said: Said) -> None:
    toy.commit({"options.py": ""})
    toy.git("tag", "--force", "base")
    option = 'def pytest_addoption(parser):\n    parser.addoption("--size")\n'
    toy.commit({"options.py": option, "pytest.ini": SETTINGS.replace("addopts =", "addopts = -p options --size=1")})
    assert run([*NO_TIME, "bench"]) == 3
    assert "the base arm could not collect benchmarks: " in said()


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


def test_reports_in_the_checkout_are_no_part_of_what_is_compared_next(toy: Toy) -> None:
    before = resolve(toy.root, WORKING_TREE)
    (cleared(toy.root / "part-1") / "gate.json").touch()
    assert resolve(toy.root, WORKING_TREE) == before
    toy.write({"own/file.py": ""})
    assert not (cleared(toy.root / "own") / ".gitignore").exists(), "it has files of the project"


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
    assert len(ET.parse(tmp_path / "gate.xml").findall("testcase")) == 3  # noqa: S314 (our own file)
    assert "ValueError" in (tmp_path / "gate.md").read_text()
