"""What a kernel takes, what it refuses, and who may run beside it."""

from __future__ import annotations

import ctypes
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bgremove.engines import _compile


@pytest.fixture
def _nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compile, "_folders", lambda: iter(()))
    monkeypatch.setattr(_compile, "_folder", lambda: None)


class Numbers(NamedTuple):
    values: np.ndarray
    count: int


@pytest.mark.usefixtures("_nothing_is_kept")
def test_arguments_are_arrays_numbers_and_tuples_of_any_types() -> None:
    @_compile.kernel
    def combine(numbers: Numbers, pair: tuple[np.ndarray, np.ndarray], factor: float) -> float:
        total = 0.0
        for i in range(numbers.count):
            total += factor * numbers.values[i] + pair[0][i, 1] - pair[1][i]
            numbers.values[i] = i
        return total

    for kind in (np.uint8, np.int32, np.float64):
        values = np.array([5, 7, 9], kind)
        pair = np.arange(6, dtype=np.int64).reshape(3, 2), np.ones(3, np.float32)
        assert combine(Numbers(values, np.int64(2)), pair, 0.5) == 0.5 * 12 + 1 + 3 - 2
        assert values.tolist() == [0, 1, 9]
    assert len(combine.signatures) == 3  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_nothing_is_kept")
def test_what_others_compile_with_numba_runs_after_a_kernel_was_compiled() -> None:
    import numba  # noqa: PLC0415 - the tests above run without it

    def total(values: np.ndarray) -> float:
        found = 0.0
        for value in values:
            found += np.exp(value)
        return found

    compiled = numba.njit(total)
    values = np.arange(5.0)
    assert _compile.kernel(total)(values) == pytest.approx(np.exp(values).sum())
    assert compiled(values) == pytest.approx(np.exp(values).sum())

    @numba.cfunc("float64(CPointer(float64), int64)")
    def callback(pointer: object, count: int) -> float:
        return compiled(numba.carray(pointer, (count,)))

    assert callback.ctypes(values.ctypes.data_as(ctypes.POINTER(ctypes.c_double)), 5) == compiled(values)


@pytest.mark.usefixtures("_nothing_is_kept")
def test_an_array_with_gaps_is_refused() -> None:
    @_compile.kernel
    def first(values: np.ndarray) -> int:
        return values[0]

    assert first(np.arange(7, 10)) == 7
    with pytest.raises(ValueError, match="contiguous"):
        first(np.arange(10)[::2])


@pytest.mark.usefixtures("_nothing_is_kept")
def test_a_kernel_that_allocates_is_refused() -> None:
    @_compile.kernel
    def make(count: int) -> int:
        return len(np.empty(count))

    with pytest.raises(RuntimeError, match="allocate"):
        make(3)


@pytest.mark.usefixtures("_nothing_is_kept")
def test_other_threads_run_while_a_kernel_does() -> None:
    @_compile.kernel
    def stir(values: np.ndarray) -> None:
        for _ in range(400):
            for i in range(len(values)):
                values[i] = values[i] * 3 + values[i - 1]

    values = np.arange(1_000_000)
    stir(values[:10])
    begun, events = threading.Event(), []

    def run() -> None:
        begun.set()
        stir(values)
        events.append("kernel")

    # Nobody is asked to let others run: the test goes on before the kernel ends only if that lets it.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        begun.wait()
        events.append("test")
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert events == ["test", "kernel"]


def test_all_kernels_are_made_by_the_one_function_that_lets_threads_run() -> None:
    engines = Path(_compile.__file__).parent
    assert [file.name for file in engines.glob("*.py") if "numba import" in file.read_text()] == ["_numba.py"]
