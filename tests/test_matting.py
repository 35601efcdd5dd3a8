"""Closed-form matting finds what it must, and takes no more of PyMatting than it needs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from bgremove.errors import EngineError
from bgremove.matting._closed_form import estimate_alpha


@pytest.mark.pixels
@pytest.mark.parametrize("middle", [30, 61])
def test_a_mixture_of_two_colours_is_taken_apart(middle: int) -> None:
    y, x = np.mgrid[:50, :90]
    alpha = np.clip(0.5 + (x - middle + 4 * np.sin(y / 8)) / 9, 0, 1)
    image = alpha[..., None] * (0.2, 0.9, 0.6) + (1 - alpha[..., None]) * (0.7, 0.1, 0.3)
    trimap = np.where((alpha > 0) & (alpha < 1), 0.5, alpha)
    assert (trimap == 0.5).sum() > 300
    given = trimap.copy()
    found = estimate_alpha(image, trimap)
    np.testing.assert_allclose(found, alpha, atol=1e-3)
    known = trimap != 0.5
    np.testing.assert_array_equal(found[known], given[known])
    np.testing.assert_array_equal(trimap, given)


SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from bgremove.matting import warm_up

with ThreadPoolExecutor(4) as pool:
    for done in [pool.submit(warm_up) for _ in range(4)]:
        done.result()
print(*sorted(name for name in sys.modules if name.startswith("pymatting")))
"""


def test_only_three_modules_are_loaded_by_however_many_threads(environment: dict[str, str]) -> None:
    # All of PyMatting compiles for a minute where it has not been imported before.
    line = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.split() == [
        "pymatting.laplacian.cf_laplacian",
        "pymatting.preconditioner.ichol",
        "pymatting.solver.cg",
    ]


@pytest.mark.pixels
def test_what_is_expected_decides_where_colours_leave_alpha_open() -> None:
    """Glass of one colour that touches nothing known."""
    image = np.full((40, 60, 3), (0.3, 0.5, 0.6))
    image[8:32, 10:50] = (0.5, 0.6, 0.4)
    trimap = np.zeros((40, 60))
    trimap[4:36, 6:54] = 0.5
    expected = np.zeros((40, 60), np.float32)
    expected[8:32, 10:50] = 0.4
    found = estimate_alpha(image, trimap, expected)
    assert np.abs(found - expected).max() < 0.1
    np.testing.assert_array_equal(found[trimap == 0], 0)
    assert np.abs(estimate_alpha(image, np.full((40, 60), 0.5), expected) - expected).max() < 0.1


@pytest.mark.pixels
@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("across", [False, True])
def test_a_picture_of_one_row_or_column_has_a_soft_edge(side: int, across: bool) -> None:
    alpha = np.tile(np.clip(np.linspace(-1, 2, 40), 0, 1), (side, 1))
    if across:
        alpha = alpha.T
    image = alpha[..., None] * (0.2, 0.9, 0.6) + (1 - alpha[..., None]) * (0.7, 0.1, 0.3)
    trimap = np.where((alpha > 0) & (alpha < 1), 0.5, alpha)
    np.testing.assert_allclose(estimate_alpha(image, trimap), alpha, atol=0.01)
    nothing = np.full(alpha.shape, 0.5)
    np.testing.assert_allclose(estimate_alpha(image, nothing, alpha.astype(np.float32)), alpha, atol=0.01)


@pytest.mark.pixels
def test_what_cannot_be_solved_says_nothing_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """A cutout may be going there; PyMatting prints what it tries."""
    image = np.kron(np.random.default_rng(0).random((6, 8, 3)), np.ones((3, 3, 1)))
    trimap = np.full((18, 24), 0.5)
    trimap[0] = 0
    with pytest.raises(EngineError, match="no soft edge"):
        estimate_alpha(image, trimap)
    assert capfd.readouterr().out == ""
