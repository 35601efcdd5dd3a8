"""Terminal weights are those of GrabCut's definition to the last unit, and their functions as exact as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bgremove.engines import _energy
from bgremove.engines._energy import COMPONENTS, LAMBDA, LOG_WEIGHTED_PEAK, MEAN, PRECISION, SCALE, WEIGHT, GMMs
from bgremove.engines._gmm import MOMENTS, learn

pytestmark = pytest.mark.pixels

HALF = 0.502
"""Units that a rounded weight may be away from the value: a half, and the error of the value."""


def test_the_logarithm_is_as_exact_as_it_says() -> None:
    for x in np.concatenate([np.geomspace(1, 5, 20_001), 1 + np.linspace(0, 1e-6, 101)]):
        assert abs(_energy._log_ratio(float(x), 1.0) - math.log(x)) <= 2e-10
        assert abs(_energy._log_ratio(3.0, float(x)) - math.log(3 / x)) <= 2e-10


def test_the_exponential_is_as_exact_as_it_says() -> None:
    for x in np.concatenate([np.linspace(-40, 0, 20_001), -np.geomspace(1e-12, 1e9, 201), [-math.inf]]):
        assert 0 <= _energy._exp(float(x)) <= 1
        assert abs(_energy._exp(float(x)) - math.exp(x)) <= 1e-10


def random_gmms(rng: np.random.Generator) -> GMMs:
    """Models of random clouds of colours, from a few to many and from narrow to wide; some components have none."""
    moments = np.zeros((2, COMPONENTS, MOMENTS), np.int64)
    for moment in moments.reshape(-1, MOMENTS):
        count = int(rng.choice([0, 1, 4, 50, 3000]))
        spread = rng.choice([0.5, 4, 20, 70])
        cloud = np.clip(rng.normal(rng.uniform(0, 255, 3), spread, (count, 3)), 0, 255).astype(np.int64)
        products = cloud.T @ cloud
        moment[:] = [count, *cloud.sum(axis=0), *products[np.triu_indices(3)]]
    moments[:, 0, 0] = np.maximum(moments[:, 0, 0], 1)  # neither model is empty
    return learn(moments)


def log_likelihood(colours: NDArray[np.uint8], gmm: NDArray[np.float64]) -> NDArray[np.longdouble]:
    """Of colours (3, D) in a model, -infinity where all of its densities are 0 as doubles."""
    logs = []
    for parameters in gmm[gmm[:, WEIGHT] > 0]:
        precision = np.empty((3, 3), np.longdouble)
        precision[np.triu_indices(3)] = parameters[PRECISION : PRECISION + 6]
        precision.T[np.triu_indices(3)] = parameters[PRECISION : PRECISION + 6]
        offset = colours.T - parameters[MEAN : MEAN + 3].astype(np.longdouble)
        exponent = -np.einsum("di,ij,dj->d", offset, precision, offset) / 2
        logs.append(np.where(exponent > -745.13, parameters[LOG_WEIGHTED_PEAK] + exponent, -np.inf))
    most = np.max(logs, axis=0)
    with np.errstate(invalid="ignore"):
        sums = np.where(np.isneginf(most), 1, np.exp(logs - most).sum(axis=0))
    return np.asarray(most + np.log(sums))


@pytest.mark.parametrize("number", [1, 31, 700])
def test_weights_of_random_models(number: int) -> None:
    rng = np.random.default_rng(number)
    within = unknown = 0
    for _ in range(60):
        gmms = random_gmms(rng)
        colours = rng.integers(0, 256, (3, number)).astype(np.uint8)
        weights = np.empty(number, np.int32)
        _energy.terminal_weights(colours, gmms, weights, _energy.make_scratch())
        background, foreground = (log_likelihood(colours, gmm) for gmm in gmms)
        with np.errstate(invalid="ignore"):
            wanted = np.where(np.isneginf(background), LAMBDA, np.clip(foreground - background, -LAMBDA, LAMBDA))
        assert np.abs(weights - wanted * SCALE).max() <= HALF
        within += np.count_nonzero(np.abs(wanted) < LAMBDA)
        unknown += np.count_nonzero(np.isneginf(background))
    assert within > 5
    assert unknown > 0
