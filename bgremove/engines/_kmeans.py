"""The clusters that ``cv2.kmeans`` finds when ``cv2.grabCut`` calls it, to the last bit, several times faster.

k-means++ (Arthur, Vassilvitskii 2007, https://dl.acm.org/doi/10.5555/1283383.1283494) with three trials a centre and
ten rounds, on the distinct colours of an image instead of its pixels. The same draws from the same generator, and sums
rounded to float32 in the order of the pixels wherever that makes a difference.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._seeding import STRETCH, Points, choose_centres, total_of

CLUSTERS = 5
_ROUNDS = 10
_STILL = float(np.finfo(np.float32).eps) ** 2  # squared shift of the centres below which they rest
_BLOCK = 256  # colours that are summed together, in 32 bits
_EXACT = 2**24  # whole numbers up to here are exact in float32, sums of them in any order too


class Work(NamedTuple):
    """What the rounds write to."""

    nearest: NDArray[np.uint8]
    """(D,): the cluster of each colour."""
    moved: NDArray[np.int32]
    """(5,): see `find_clusters`."""
    near: NDArray[np.int32]
    """(D,): squared distance to the nearest centre."""
    stretches: NDArray[np.int64]
    """Of the squared distances, a sum for each `STRETCH` pixels."""
    centres: NDArray[np.float32]
    """(5, 3)"""
    before: NDArray[np.float32]
    """(5, 3): the centres of the round before."""
    sums: NDArray[np.int64]
    """(5, 4): of the colours of each cluster, and their number."""


def make_work(pixels: int, colours: int) -> Work:
    """For so many pixels, of so many colours at most."""
    near = np.empty(colours, np.int32)
    return Work(
        nearest=near.view(np.uint8)[:colours],  # needed only when `near` no longer is
        moved=np.empty(CLUSTERS, np.int32),
        near=near,
        stretches=np.empty(-(-pixels // STRETCH), np.int64),
        centres=np.empty((CLUSTERS, 3), np.float32),
        before=np.empty((CLUSTERS, 3), np.float32),
        sums=np.empty((CLUSTERS, 4), np.int64),
    )


@kernel
def find_clusters(points: Points, generator: NDArray[np.uint64], room: Work) -> None:
    """Split the colours of the points into `CLUSTERS`, or as many as there are points.

    What is found is in `room`, which may be more than is needed: the `nearest` clusters of the colours, and, where one
    pixel of a colour was `moved` to a cluster that would have been empty, the code of the colour; else -1 there.
    """
    number = len(points.counts)
    work = Work(
        room.nearest[:number], room.moved, room.near[:number],
        room.stretches[: (len(points.codes) + STRETCH - 1) // STRETCH], room.centres, room.before, room.sums,
    )  # fmt: skip
    colours, moved, sums = points.colours, work.moved, work.sums
    clusters = min(CLUSTERS, total_of(points.counts))
    centres, before = work.centres[:clusters], work.before
    choose_centres(points, generator, centres, work.near, work.stretches)
    for rounds in range(1, _ROUNDS):
        _assign(colours, centres, work.nearest)
        for k in range(clusters):
            for j in range(3):
                before[k, j] = centres[k, j]
        _sum(points, centres, work)
        moved[:] = -1
        for k in range(clusters):
            if sums[k, 3] == 0:
                _fill(k, points, centres, work)
        shift = 0.0
        for k in range(clusters):
            scale = np.float32(1.0) / np.float32(sums[k, 3])
            distance = 0.0
            for j in range(3):
                centres[k, j] *= scale
                step = float(centres[k, j] - before[k, j])
                distance += step * step
            shift = max(shift, distance)
        # A single cluster comes to rest in two rounds.
        if shift <= _STILL or (clusters == 1 and rounds == 1):
            break


@kernel
def _assign(colours: NDArray[np.uint8], centres: NDArray[np.float32], nearest: NDArray[np.uint8]) -> None:
    """Find the centre nearest to every colour; with no array inside of the loop, to be vectorised."""
    first, second, third = colours[0], colours[1], colours[2]
    p, q, r, s, t = (
        _centre(centres, 0), _centre(centres, 1), _centre(centres, 2), _centre(centres, 3), _centre(centres, 4),
    )  # fmt: skip
    for i in range(len(nearest)):
        x, y, z = np.float32(first[i]), np.float32(second[i]), np.float32(third[i])
        best, least = np.int32(0), _distance(x, y, z, p)
        best, least = _nearer(np.int32(1), _distance(x, y, z, q), best, least)
        best, least = _nearer(np.int32(2), _distance(x, y, z, r), best, least)
        best, least = _nearer(np.int32(3), _distance(x, y, z, s), best, least)
        best, least = _nearer(np.int32(4), _distance(x, y, z, t), best, least)
        nearest[i] = best


@kernel
def _centre(centres: NDArray[np.float32], k: int) -> tuple[Any, Any, Any]:
    """A centre; one that is infinitely far where there is none."""
    if k < len(centres):
        return centres[k, 0], centres[k, 1], centres[k, 2]
    far = np.float32(np.inf)
    return far, far, far


@kernel
def _distance(x: Any, y: Any, z: Any, centre: tuple[Any, Any, Any]) -> Any:
    a, b, c = x - centre[0], y - centre[1], z - centre[2]
    return a * a + b * b + c * c


@kernel
def _nearer(k: Any, distance: Any, best: Any, least: Any) -> tuple[Any, Any]:
    return (k if distance < least else best), min(distance, least)


@kernel
def _sum(points: Points, centres: NDArray[np.float32], work: Work) -> None:
    """Write the sums of the clusters to `centres`, rounded as cv2 rounds them, and to ``work.sums``."""
    nearest, sums = work.nearest, work.sums
    colours, counts = points.colours, points.counts
    sums[:] = 0
    for begin in range(0, len(counts), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        for k in range(len(centres)):
            if has(nearest[part], k):
                _add_cluster(colours[:, part], counts[part], nearest[part], k, sums[k])
    exact = True
    for k in range(len(centres)):
        for j in range(3):
            centres[k, j] = sums[k, j]
            exact = exact and sums[k, j] <= _EXACT
    if not exact:
        _add_in_order(points, nearest, centres)


@kernel
def _add_in_order(points: Points, nearest: NDArray[np.uint8], centres: NDArray[np.float32]) -> None:
    """Write the sums of the clusters, each addition rounded, from the first pixel to the last.

    Neighbours mostly are in the same cluster: its sums stay in registers, which is twice as fast as by memory.
    """
    pixels, codes, labels = points.pixels, points.codes, points.labels
    centres[:] = 0
    at, a, b, c = 0, centres[0, 0], centres[0, 1], centres[0, 2]
    for i in range(len(codes)):
        if labels[i] & 1 == points.model:
            here = nearest[codes[i]]
            if here != at:
                centres[at, 0], centres[at, 1], centres[at, 2] = a, b, c
                at = here
                a, b, c = centres[at, 0], centres[at, 1], centres[at, 2]
            a += np.float32(pixels[i, 0])
            b += np.float32(pixels[i, 1])
            c += np.float32(pixels[i, 2])
    centres[at, 0], centres[at, 1], centres[at, 2] = a, b, c


@kernel
def has(clusters: NDArray[np.uint8], k: int) -> bool:
    """Whether any of these is `k`; of colours that are alike, only few clusters have any."""
    found = np.uint8(0)
    for each in clusters:
        found |= np.uint8(each == k)
    return bool(found)


@kernel
def _add_cluster(
    colours: NDArray[np.uint8], counts: NDArray[np.uint8], nearest: NDArray[np.uint8], k: int, sums: NDArray[np.int64]
) -> None:
    first, second, third = colours[0], colours[1], colours[2]
    a, b, c, n = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
    for i in range(len(counts)):
        count = np.int32(counts[i]) if nearest[i] == k else np.int32(0)
        a = np.int32(a + count * np.int32(first[i]))
        b = np.int32(b + count * np.int32(second[i]))
        c = np.int32(c + count * np.int32(third[i]))
        n = np.int32(n + count)
    sums[0] += a
    sums[1] += b
    sums[2] += c
    sums[3] += n


@kernel
def _fill(empty: int, points: Points, centres: NDArray[np.float32], work: Work) -> None:
    """Move the point of the largest cluster that lies farthest from its centre to the `empty` one."""
    colours, codes, labels = points.colours, points.codes, points.labels
    nearest, moved, sums = work.nearest, work.moved, work.sums
    largest = 0
    for k in range(1, len(centres)):
        if sums[k, 3] > sums[largest, 3]:
            largest = k
    scale = np.float32(1.0) / np.float32(sums[largest, 3])
    middle = centres[largest, 0] * scale, centres[largest, 1] * scale, centres[largest, 2] * scale
    gone = 0  # bits: which of the earlier moves have been met, from the last pixel backwards
    most, farthest = np.float32(-1), -1
    for i in range(len(codes) - 1, -1, -1):
        code = codes[i]
        if labels[i] & 1 != points.model or nearest[code] != largest:
            continue
        away = False
        for k in range(CLUSTERS):
            if moved[k] == code and not gone >> k & 1:
                gone |= 1 << k
                away = True
                break
        if away:
            continue
        x, y, z = colours[0, code] - middle[0], colours[1, code] - middle[1], colours[2, code] - middle[2]
        distance = x * x + y * y + z * z
        if distance > most:
            most, farthest = distance, code
    for j in range(3):
        centres[largest, j] -= np.float32(colours[j, farthest])
        centres[empty, j] += np.float32(colours[j, farthest])
    sums[largest, 3] -= 1
    sums[empty, 3] += 1
    moved[empty] = farthest
