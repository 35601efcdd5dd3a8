"""The layers of the package: a module imports only what stands above it, wherever in the file it does so."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bgremove"

LAYERS = [
    ["errors"],
    ["types"],
    ["paths", "machine"],
    ["files", "strategies", "meter", "engines", "matting"],
    ["formats", "transports"],
    ["settings"],
    ["cutout", "preparation"],
    ["remove"],
    ["batch", "stream"],
    ["comparison", "progress"],
    ["cli"],
    ["__main__", "__init__"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

ONLY_IN = {
    "cv2": {"formats", "cutout", "engines", "matting", "preparation", "machine"},
    "PIL": {"formats", "settings"},
    "pi_heif": {"formats"},
    "numba": {"engines"},
    "filelock": {"engines", "batch"},
    "pymatting": {"matting"},
    "pebble": {"strategies"},
    "click": {"cli"},
    "rich": {"cli", "comparison", "progress"},
    "scipy": {"comparison"},
    "psutil": {"machine", "meter", "strategies"},
}
"""The parts that a library is for."""


def part_of(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_one_way(file):
    own = part_of(file)
    for name in imported(file):
        root, *rest = name.split(".")
        if root == "bgremove" and rest[0] in LEVEL and own not in ("__init__", "__main__"):
            assert rest[0] == own or LEVEL[rest[0]] < LEVEL[own], f"{own} imports {rest[0]}"
        assert own in ONLY_IN.get(root, {own}), f"{own} imports {root}"


def test_importing_the_package_changes_nothing_and_loads_nothing_heavy():
    script = """
import os, sys, threading, multiprocessing
import cv2  # it puts its own folder into the environment
before = dict(os.environ), threading.active_count(), multiprocessing.get_start_method(allow_none=True)
import bgremove
assert (dict(os.environ), threading.active_count(), multiprocessing.get_start_method(allow_none=True)) == before
heavy = {"numba", "filelock", "scipy", "rich", "click", "pebble"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PACKAGE.parent)
