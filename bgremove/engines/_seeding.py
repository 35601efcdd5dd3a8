"""The first centres of k-means, as ``cv2.kmeans`` chooses them: k-means++, three trials a centre.

Arthur, Vassilvitskii 2007, https://dl.acm.org/doi/10.5555/1283383.1283494.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._random import draw, draw_fraction

STRETCH = 1024  # pixels whose squared distances are summed in 32 bits
_TRIALS = 3
_FAR = 2**24  # farther than any colour is from another


class Points(NamedTuple):
    """The pixels of one model that are to be clustered: those of the background or those of the foreground."""

    pixels: NDArray[np.uint8]
    """(N, 3): all pixels of the image in order."""
    colours: NDArray[np.uint8]
    """(3, C): distinct colours."""
    counts: NDArray[np.uint8]
    """(D,): on how many of the pixels each of the first D colours is; the others are on none."""
    codes: NDArray[np.int32]
    """(N,): index of its colour, of all pixels of the image in order."""
    labels: NDArray[np.uint8]
    """(N,): of all pixels of the image, odd in the foreground."""
    model: int
    """0 if the background's pixels take part, 1 if the foreground's do. There is at least one."""


@kernel
def total_of(counts: NDArray[np.uint8]) -> int:
    total = 0
    for count in counts:
        total += count
    return total


@kernel
def choose_centres(
    points: Points,
    generator: NDArray[np.uint64],
    centres: NDArray[np.float32],
    near: NDArray[np.int32],
    sums: NDArray[np.int64],
) -> None:
    """First centres: each a pixel drawn in proportion to its squared distance to the centres so far, best of three.

    Of `near`, ``(D,)``, and `sums`, one for each `STRETCH` pixels, nothing is read and everything written.
    """
    colours, counts = points.colours, points.counts
    near[:] = 1
    _add_up(points, near, sums)
    total = total_of(counts)
    winner = _pick(points, near, sums, float(draw(generator) % np.uint64(total)) + 1)
    near[:] = _FAR
    left = _potential(colours, counts, winner, near)
    for k in range(len(centres)):
        if k > 0:
            least = -1
            _add_up(points, near, sums)
            for _ in range(_TRIALS):
                code = _pick(points, near, sums, draw_fraction(generator) * float(left))
                potential = _potential(colours, counts, code, near)
                if least < 0 or potential < least:
                    least, winner = potential, code
            left = least
        for j in range(3):
            centres[k, j] = colours[j, winner]
        _approach(colours, winner, near)


@kernel
def _pick(points: Points, share: NDArray[np.int32], sums: NDArray[np.int64], mark: float) -> int:
    """Code of the first point at which the sum of the shares reaches `mark`, else of the last; see `_add_up`."""
    codes, labels = points.codes, points.labels
    passed = 0
    for stretch in range(len(sums)):
        if passed + sums[stretch] < mark:
            passed += sums[stretch]
            continue
        for i in range(stretch * STRETCH, min(len(codes), (stretch + 1) * STRETCH)):
            if labels[i] & 1 == points.model:
                passed += share[codes[i]]
                if passed >= mark:
                    return int(codes[i])
    last = len(codes) - 1
    while labels[last] & 1 != points.model:
        last -= 1
    return int(codes[last])


@kernel
def _add_up(points: Points, share: NDArray[np.int32], sums: NDArray[np.int64]) -> None:
    """Write the sum of the shares of the points in each stretch of pixels."""
    for stretch in range(len(sums)):
        part = slice(stretch * STRETCH, (stretch + 1) * STRETCH)
        codes, labels = points.codes[part], points.labels[part]
        total = np.int32(0)
        for i in range(len(codes)):
            takes_part = labels[i] & 1 == points.model
            mine = share[codes[i] if takes_part else 0]
            total = np.int32(total + (mine if takes_part else 0))
        sums[stretch] = total


@kernel
def _potential(colours: NDArray[np.uint8], counts: NDArray[np.uint8], code: int, near: NDArray[np.int32]) -> int:
    """Sum over all pixels of the squared distance to the nearest centre, if the colour `code` were one too."""
    a, b, c = np.int32(colours[0, code]), np.int32(colours[1, code]), np.int32(colours[2, code])
    potential = 0
    for i in range(len(counts)):
        x, y, z = np.int32(colours[0, i]) - a, np.int32(colours[1, i]) - b, np.int32(colours[2, i]) - c
        potential += int(min(near[i], np.int32(x * x + y * y + z * z))) * int(counts[i])
    return potential


@kernel
def _approach(colours: NDArray[np.uint8], code: int, near: NDArray[np.int32]) -> None:
    """Make the colour `code` a centre: lower the squared distances of those that are nearer to it."""
    a, b, c = np.int32(colours[0, code]), np.int32(colours[1, code]), np.int32(colours[2, code])
    for i in range(len(near)):
        x, y, z = np.int32(colours[0, i]) - a, np.int32(colours[1, i]) - b, np.int32(colours[2, i]) - c
        near[i] = min(near[i], np.int32(x * x + y * y + z * z))
