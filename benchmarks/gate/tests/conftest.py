import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from gate_guarded import Project
from gate_toy import Toy, make_toy

# A deadline would time the machine, not the code; derandomised, so that a red run is red again.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _not_in_a_worker_of_xdist() -> Iterator[None]:
    """What a test starts is a run of its own; pytest-benchmark would measure nothing in a worker of pytest-xdist."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_XDIST_WORKER", raising=False)
        yield


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Signals arrive here and in what is started: in the background, or after a run that was stopped, they do not."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGTERM: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def _leaves_nothing_in_the_folder_of_temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Reports of runs without ``--output`` go where pytest tidies up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))
        yield


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A toy project, in which the test runs."""
    made = make_toy(tmp_path / "toy")
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed since it was asked last, in one line."""
    return lambda: " ".join(capsys.readouterr().out.split())


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """Makes a project with benchmarks, guarded unless it is not to be."""
    monkeypatch.setattr("pytest_benchmark.plugin.get_cpu_info", dict)  # takes a second, for tests that do not need it
    return lambda guarded=True: Project(pytester, guarded)
