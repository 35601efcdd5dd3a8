"""What the documentation tells a reader to type is typed here, page by page, in the order of the page."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bgremove.cli import run
from tests import s3_server
from tests.samples import save_scene
from tests.tiny_models import write_model
from tests.web import ask

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = r"it is `(\w+\.(?:csv|toml))`.*?\n```(?:text|toml)\n(.*?)^```"
"""One that a page shows."""
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if BLOCK.search(page.read_text(encoding="utf-8"))]
pytestmark = pytest.mark.whole_run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_python_of_a_page_run(page, tmp_path, environment, monkeypatch, in_background):
    for seed, name in enumerate(("cup.jpg", "leaf.jpg")):
        save_scene(tmp_path / "photos" / name, seed)
    text = page.read_text(encoding="utf-8")
    for name in ("u2netp.onnx", "mine.onnx"):
        write_model(tmp_path / name)
    for file, content in re.findall(FILE, text, re.DOTALL | re.MULTILINE):
        (tmp_path / file).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda url: ask(url + "done", "POST"))  # a person who has nothing to correct
    for language, block in BLOCK.findall(text):
        if language == "python":
            subprocess.run([sys.executable, "-c", block], env=environment, check=True)
            continue
        for line in block.splitlines():
            prompt, command, *arguments = shlex.split(line)
            assert prompt == "$"
            if arguments[-1:] == ["&"]:
                in_background(command, *arguments[:-1])
                continue
            assert COMMANDS[command](arguments) == 0, line


@pytest.fixture
def in_background(tmp_path, environment):
    """Starts a command of Dask, and waits for the file that others find it by."""
    processes = []

    def start(*line):
        assert line[0] == "dask"
        processes.append(
            subprocess.Popen([sys.executable, "-m", *line, "--no-dashboard"], cwd=tmp_path, env=environment)
        )
        end = time.monotonic() + 60
        while not (tmp_path / "scheduler.json").exists():
            assert time.monotonic() < end
            time.sleep(0.05)

    yield start
    for process in reversed(processes):
        process.terminate()
        process.wait()


def benchgate(arguments):
    environment = {**os.environ, "PYTHONPATH": str(DOCS.parent / "benchmarks/gate/src")}
    return subprocess.run([sys.executable, "-m", "benchgate", *arguments], env=environment, check=False).returncode


COMMANDS = {"bgremove": run, "benchgate": benchgate}
"""What a page may begin a command with."""


def test_blocks_that_are_not_run_are_named():
    """Any other fence is one that nothing is to be typed from, or that another test runs."""
    languages = set()
    for page in DOCS.rglob("*.md"):
        languages |= set(re.findall(r"^```([\w{]\S*)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert languages <= {"console", "python", "sh", "text", "toml", "{toctree}", "{eval-rst}", "{literalinclude}"}
    assert {block for page in DOCS.rglob("*.md") for block in shell_blocks(page)} <= {
        "python3 -m venv .venv && .venv/bin/pip install .",  # by the README's test
        "python -m benchmarks.report .benchmarks/*/*.json --output history.html",  # by test_benchmarks_report
        next(block for block in shell_blocks(DOCS / "how-to/s3.md") if "FSSPEC_S3" in block),  # by test_s3
        'eval "$(_BGREMOVE_COMPLETE=bash_source bgremove)"',
        'eval "$(_BGREMOVE_COMPLETE=zsh_source bgremove)"',
        "_BGREMOVE_COMPLETE=fish_source bgremove | source",
    }


def shell_blocks(page):
    return [block.strip() for block in re.findall(r"^ *```sh\n(.*?)```", page.read_text(), re.DOTALL | re.MULTILINE)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_completes_in(shell, environment):
    line = [sys.executable, "-c", "import sys; sys.argv[0] = 'bgremove'; from bgremove.cli import cli; cli()"]
    script = {**environment, "_BGREMOVE_COMPLETE": f"{shell}_source"}
    assert "bgremove" in subprocess.run(line, env=script, capture_output=True, text=True, check=False).stdout
    typed = {**environment, "_BGREMOVE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "bgremove re", "COMP_CWORD": "1"}
    done = subprocess.run(line, env=typed, capture_output=True, text=True, check=False)
    if shell != "fish":  # which passes only the word that is begun
        assert "remove" in done.stdout


@pytest.fixture(autouse=True)
def stores(request, tmp_path, environment, monkeypatch):
    """What the page about stores finds: photographs in a ZIP file and in a bucket."""
    if request.node.name.endswith("[s3]"):
        for seed, name in enumerate(("cup.jpg", "leaf.jpg")):
            save_scene(tmp_path / "photos" / name, seed)
        shutil.make_archive(tmp_path / "photos", "zip", tmp_path / "photos")
        shop = s3_server.Bucket(request.getfixturevalue("s3_endpoint"), "shop", request.getfixturevalue("s3_client"))
        shop.put_folder(tmp_path / "photos", "photos")
        s3_server.use(monkeypatch, shop.environment)
        for name, value in shop.environment.items():
            monkeypatch.setitem(environment, name, value)
