import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest

from bgremove import remove_backgrounds
from bgremove.cli import run
from bgremove.engines import make_engine
from tests import s3_server
from tests.samples import save_scene

# A deadline would time the machine, not the code; derandomised, so that a red run is red again.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.load_profile("suite")

# Workers of the tests are forked from a process that has imported the package, which takes each of them a second.
multiprocessing.set_forkserver_preload(["bgremove.batch.worker", "tests.contracts"])

ROOT = Path(__file__).parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Kernels are compiled by the first of the processes that run tests, before the time limit of any test begins."""
    if not session.config.option.collectonly:
        make_engine("auto").warm_up()  # runs both others that have kernels, and compiles them side by side


@pytest.fixture(scope="session", autouse=True)
def _not_in_a_worker_of_xdist():
    """What a test starts is a run of its own; pytest-benchmark would measure nothing in a worker of pytest-xdist."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_XDIST_WORKER", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible():
    """Ctrl-C arrives here and in what is started, though a shell that runs the tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of six small images, to be read only."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        save_scene(folder / f"{seed}.png", seed)
    return folder


@pytest.fixture(scope="session")
def environment():
    """Environment in which a child process finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}


@pytest.fixture
def command(environment):
    """Runs the command in a process of its own."""

    def run(*arguments, **options):
        line = [sys.executable, "-m", "bgremove", *map(os.fspath, map(_text, arguments))]
        return subprocess.run(
            line, capture_output=True, text=True, env=environment, check=False, timeout=100, **options
        )

    return run


@pytest.fixture
def command_here(capsys, monkeypatch):
    """Runs the command in this process, in a tenth of the time: for what it does, and not how it starts and ends."""
    monkeypatch.setenv("COLUMNS", "200")

    def run_here(*arguments):
        capsys.readouterr()
        status = run([os.fspath(_text(argument)) for argument in arguments])
        return SimpleNamespace(returncode=status, stdout=(shown := capsys.readouterr()).out, stderr=shown.err)

    return run_here


@pytest.fixture(scope="session")
def s3_endpoint():
    """URL of a server that speaks S3."""
    with s3_server.s3_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3_client(s3_endpoint):
    """What the tests themselves look into buckets with."""
    return s3_server.client_of(s3_endpoint)


@pytest.fixture
def bucket(s3_endpoint, s3_client, monkeypatch, request):
    """An empty bucket, which this process can use."""
    name = "t" + hashlib.blake2b(request.node.nodeid.encode(), digest_size=8).hexdigest()
    made = s3_server.Bucket(s3_endpoint, name, s3_client)
    s3_server.use(monkeypatch, made.environment)
    return made


@pytest.fixture(scope="session")
def _browser(tmp_path_factory):
    """One for all tests of pages: its start takes seconds."""
    from tests.browser import chromium  # noqa: PLC0415 - imports Selenium

    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def blank_browser(_browser):
    """A headless Chromium that shows nothing yet, and has told nothing."""
    from tests.browser import forget  # noqa: PLC0415 - as above

    forget(_browser)
    return _browser


@pytest.fixture(scope="session")
def cutouts(photos, tmp_path_factory):
    """What comes out of `photos`, by name."""
    folder = tmp_path_factory.mktemp("cutouts")
    remove_backgrounds(photos, folder, strategy="sequential")
    return {file.name: (folder / file.name).read_bytes() for file in photos.iterdir()}


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    """Runs the command in this process, and gives its exit status and what it has told on standard error."""
    monkeypatch.chdir(tmp_path)

    def run_with(variables, *arguments):
        s3_server.use(monkeypatch, variables)
        status = run([str(argument) for argument in arguments])
        return status, capsys.readouterr().err

    return run_with


def _text(argument):
    return argument if isinstance(argument, (bytes, os.PathLike)) else str(argument)
