"""Measurements of this project: pytest-benchmark cases (``bench_*.py``) and the regression gate (``gate``)."""
