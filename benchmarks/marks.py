"""Marks of cases; apart from what workers import, which need not load pytest."""

import pytest

QUICK_AND_GATE = (pytest.mark.quick, pytest.mark.gate)
