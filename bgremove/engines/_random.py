"""OpenCV's random numbers: multiply with carry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel

_OF_ZERO = 0xFFFFFFFF  # what OpenCV has for a seed of 0


@kernel
def seed_generator(generator: NDArray[np.uint64], seed: int) -> None:
    """Give a generator, of one number, the state after ``cv2.setRNGSeed(seed)``, to be updated by draws."""
    generator[0] = seed if seed > 0 else _OF_ZERO


@kernel
def draw(generator: NDArray[np.uint64]) -> np.uint64:
    """A whole number below 2**32: multiply with carry."""
    low = generator[0] & np.uint64(0xFFFFFFFF)
    generator[0] = low * np.uint64(4164903690) + (generator[0] >> np.uint64(32))
    return np.uint64(generator[0] & np.uint64(0xFFFFFFFF))


@kernel
def draw_fraction(generator: NDArray[np.uint64]) -> float:
    """A fraction from 0 to 1."""
    high = draw(generator) << np.uint64(32)
    return float(high | draw(generator)) * 5.4210108624275221700372640043497e-20
