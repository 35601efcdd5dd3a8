"""Fixtures and reports of the benchmarks. What pytest-benchmark must not let pass silently is in `guard`."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Benchmarks are in files called ``bench_*.py``, so that a run of the tests does not meet them."""
    config.addinivalue_line("python_files", "bench_*.py")
    config.addinivalue_line("markers", "quick: one of the cases that together take under two minutes")
