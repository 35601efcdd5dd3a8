"""Loaded whatever pytest is asked to run, so that a comparison which reaches no benchmark at all is noticed too."""

import re
from pathlib import Path

import pytest

pytest_plugins = ["benchgate.guard.plugin"]

_PACKAGE = Path(__file__).with_name("bgremove")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What holds no test that will run is not imported: some of it imports Numba, Dask, a plotting library.

    Those are modules of the package without examples, and files of tests with a mark that ``-m`` leaves out.
    """
    if collection_path.suffix != ".py":
        return None
    text = collection_path.read_text(encoding="utf-8")
    if collection_path.is_relative_to(_PACKAGE):
        return ">>>" not in text or None
    conditions = config.option.markexpr.split(" and ")
    if not all(re.fullmatch(r"not \w+", condition) for condition in conditions):
        return None
    marks = re.findall(r"^pytestmark = pytest\.mark\.(\w+)$", text, re.MULTILINE)
    return any(f"not {mark}" in conditions for mark in marks) or None
