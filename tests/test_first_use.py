"""What a machine compiles at the first use is compiled by several processes side by side, and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from select import select
from time import sleep

import pytest

from bgremove.engines import _first_use
from bgremove.engines._first_use import call_apart


@pytest.fixture(autouse=True)
def _two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_use, "workers_for", lambda _: 2)


def writes(path: Path) -> Callable[[], None]:
    return partial(exec, f"import os; open({str(path)!r}, 'x').write(str(os.getpid()))")


def waits(path: Path) -> Callable[[], None]:
    """Writes its process number, and then waits for ever."""
    return partial(exec, f"import os, signal; open({str(path)!r}, 'x').write(str(os.getpid())); signal.pause()")


def meets(path: Path, other: Path) -> Callable[[], None]:
    """Ends when both have begun."""
    program = f"import os, time\nopen({str(path)!r}, 'x')\nwhile not os.path.exists({str(other)!r}): time.sleep(0.01)"
    return partial(exec, program)


def test_each_function_is_called_once_in_a_process_of_its_own(tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(5)]
    call_apart(map(writes, files))
    processes = {int(file.read_text()) for file in files}
    assert len(processes) == 5
    assert os.getpid() not in processes


def test_two_run_at_a_time(tmp_path: Path) -> None:
    one, other = tmp_path / "1", tmp_path / "2"
    call_apart([meets(one, other), meets(other, one)])  # one after the other would wait for ever


def test_never_more_than_two_run(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[object] = []
    most: list[int] = []

    class Process:
        def __init__(self, *_: object) -> None:
            running.append(self)
            most.append(len(running))

        def wait(self) -> None:
            if self in running:
                running.remove(self)

        kill = wait

    monkeypatch.setattr(_first_use, "_started", Process)
    call_apart([int] * 5)
    assert most == [1, 2, 2, 2, 2]
    assert not running


def test_one_that_fails_keeps_no_other_from_being_called(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call_apart([partial(exec, "1 / 0"), partial(exec, "import os; os.abort()"), writes(tmp_path / "file")])
    assert (tmp_path / "file").exists()
    assert capfd.readouterr() == ("", "")


def test_where_there_is_one_cpu_nothing_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_first_use, "workers_for", lambda _: 1)
    call_apart([writes(tmp_path / "file")])
    assert not (tmp_path / "file").exists()


def test_where_no_process_can_be_started_nothing_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("multiprocessing.spawn._python_exe", str(tmp_path / "python"))
    call_apart([writes(tmp_path / "file")])
    assert not (tmp_path / "file").exists()


def test_an_interrupt_ends_all(tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    def functions() -> Iterator[Callable[[], None]]:
        yield waits(begun)
        while not begun.exists() or not begun.read_text():
            sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call_apart(functions())
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


WAITING = """
import sys
from functools import partial
from bgremove.engines import _first_use
_first_use.workers_for = lambda _: 2
_first_use.call_apart([partial(exec, f"import signal; held = open({sys.argv[1]!r}, 'wb'); signal.pause()")])
"""


def test_what_is_left_of_a_killed_process_ends_too(tmp_path: Path, environment: dict[str, str]) -> None:
    os.mkfifo(tmp_path / "held")
    line = [sys.executable, "-c", WAITING, tmp_path / "held"]
    with subprocess.Popen(line, env=environment) as process, (tmp_path / "held").open("rb", buffering=0) as held:
        process.kill()
        assert select([held], [], [], 60)[0], "it goes on"
        assert held.read() == b""


SCRIPT = """
from functools import partial
from bgremove.engines import _first_use
_first_use.workers_for = lambda _: 2
_first_use.call_apart([partial(exec, "open('called', 'x')")])
"""


def test_modules_of_the_current_folder_are_not_imported(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "pickle.py").write_text("raise SystemExit('imported')")
    line = [sys.executable, tmp_path / "script.py"]
    subprocess.run(line, env=environment, cwd=folder, check=True, timeout=100)
    assert (folder / "called").exists()
