"""The layers of the package: a module imports only what stands above it, wherever in the file it does so."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bgremove
from bgremove import api

PACKAGE = Path(__file__).parents[1] / "bgremove"

TABLE = re.findall(r"^\| (`.+`) \|", (PACKAGE.parent / "CONTRIBUTING.md").read_text(), re.MULTILINE)
LEVEL = {name: level for level, row in enumerate(TABLE) for name in re.findall(r"`(\w+)`", row)}

ONLY_IN = {
    "cv2": {
        "contact_sheet",
        "cutout",
        "doubt",
        "engines",
        "formats",
        "machine",
        "matting",
        "preparation",
        "rects",
        "rows",
    },
    "PIL": {"formats", "contact_sheet", "settings", "report"},
    "pi_heif": {"formats"},
    "isal": {"formats"},
    "numba": {"engines"},
    "onnxruntime": {"engines"},
    "filelock": {"engines", "batch"},
    "watchfiles": {"batch"},
    "fsspec": {"storage"},
    "s3fs": {"storage"},
    "botocore": {"storage"},
    "pymatting": {"matting"},
    "click": {"cli"},
    "rich": {"bar", "cli", "comparison", "progress"},
    "scipy": {"comparison"},
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "distributed": {"strategies"},
    "psutil": {"machine", "process_tree", "strategies"},
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


def test_the_table_of_contributing_lists_every_module():
    parts = {part_of(file) for file in PACKAGE.rglob("*.py")}
    assert set(LEVEL) == parts - {"__init__", "__main__"}


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_one_way(file):
    own = part_of(file)
    for name in imported(file):
        root, *rest = name.split(".")
        if root == "bgremove" and own in LEVEL and rest[0] in LEVEL:
            assert rest[0] == own or LEVEL[rest[0]] < LEVEL[own], f"{own} imports {rest[0]}"
        assert own in ONLY_IN.get(root, {own}), f"{own} imports {root}"


def test_importing_the_package_changes_nothing_and_loads_nothing_heavy():
    script = """
import os, sys, threading, multiprocessing
import cv2  # it puts its own folder into the environment
before = dict(os.environ), threading.active_count(), multiprocessing.get_start_method(allow_none=True)
import bgremove.api
assert (dict(os.environ), threading.active_count(), multiprocessing.get_start_method(allow_none=True)) == before
heavy = {"numba", "onnxruntime", "filelock", "scipy", "rich", "click", "matplotlib", "jinja2", "fsspec", "distributed"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PACKAGE.parent)


def test_the_public_names_are_there():
    assert {name: getattr(bgremove, name) for name in bgremove.__all__} == {
        name: value for name, value in vars(api).items() if not name.startswith("_")
    }
    with pytest.raises(AttributeError, match="has no attribute 'magic'"):
        bgremove.magic  # noqa: B018
