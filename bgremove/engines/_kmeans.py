# ruff: noqa: PLR0913, PLR0917  (kernels take arrays, not objects)
"""The clusters that ``cv2.kmeans`` finds when ``cv2.grabCut`` calls it, to the last bit, several times faster.

k-means++ (Arthur, Vassilvitskii 2007, https://dl.acm.org/doi/10.5555/1283383.1283494) with three trials a centre and
ten rounds, on the distinct colours of an image instead of its pixels. The same draws from the same generator, and sums
rounded to float32 in the order of the pixels wherever that makes a difference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel

CLUSTERS = 5
_TRIALS, _ROUNDS = 3, 10
_STILL = float(np.finfo(np.float32).eps) ** 2  # squared shift of the centres below which they rest
_EXACT = 2**24  # whole numbers up to here are exact in float32, sums of them in any order too


def make_generator(seed: int) -> NDArray[np.uint64]:
    """State of OpenCV's random numbers after ``cv2.setRNGSeed(seed)``, to be updated by draws."""
    return np.array([seed or 0xFFFFFFFF], np.uint64)


@kernel
def _draw(generator: NDArray[np.uint64]) -> np.uint64:
    """A whole number below 2**32: multiply with carry."""
    low = generator[0] & np.uint64(0xFFFFFFFF)
    generator[0] = low * np.uint64(4164903690) + (generator[0] >> np.uint64(32))
    return np.uint64(generator[0] & np.uint64(0xFFFFFFFF))


@kernel
def _draw_fraction(generator: NDArray[np.uint64]) -> float:
    high = _draw(generator) << np.uint64(32)
    return float(high | _draw(generator)) * 5.4210108624275221700372640043497e-20


@kernel
def cluster(
    colours: NDArray[np.uint8],
    counts: NDArray[np.int32],
    codes: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    generator: NDArray[np.uint64],
    labels: NDArray[np.uint8],
) -> NDArray[np.int32]:
    """Split the colours of the `chosen` pixels into `CLUSTERS`, or as many as there are pixels.

    Parameters
    ----------
    colours, counts : (C, 3) uint8, (C,) int32
        Distinct colours, and on how many of the chosen pixels each is.
    codes, chosen : (N,)
        Of all pixels in order: index of the colour, and whether the pixel takes part. At least one does.
    labels : (C,) uint8
        Filled with the cluster of each colour.

    Returns
    -------
    (5,) int32: for each cluster the code of a colour of which one pixel was moved there from the cluster that the
    colour has, because the cluster would have been empty; -1 if none was.
    """
    total = counts.sum()
    clusters = min(CLUSTERS, total)
    centres = _seed(colours, counts, codes, chosen, generator, clusters)
    moved = np.full(CLUSTERS, -1, np.int32)
    for rounds in range(1, _ROUNDS):
        _assign(colours, centres, labels)
        before = centres.copy()
        sizes = _sum(colours, counts, codes, chosen, labels, centres)
        moved[:] = -1
        for k in range(clusters):
            if sizes[k] == 0:
                _fill(k, colours, codes, chosen, labels, centres, sizes, moved)
        shift = 0.0
        for k in range(clusters):
            scale = np.float32(1.0) / np.float32(sizes[k])
            distance = 0.0
            for j in range(3):
                centres[k, j] *= scale
                step = float(centres[k, j] - before[k, j])
                distance += step * step
            shift = max(shift, distance)
        # A single cluster is settled in two rounds.
        if shift <= _STILL or (clusters == 1 and rounds == 1):
            break
    return moved


@kernel
def _seed(
    colours: NDArray[np.uint8],
    counts: NDArray[np.int32],
    codes: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    generator: NDArray[np.uint64],
    clusters: int,
) -> NDArray[np.float32]:
    """First centres: each a pixel drawn in proportion to its squared distance to the centres so far, best of three."""
    centres = np.empty((clusters, 3), np.float32)
    near = np.full(len(colours), _EXACT, np.int32)
    trial, best = np.empty_like(near), np.empty_like(near)
    total = counts.sum()
    first = _pick(codes, chosen, np.ones(len(colours), np.int32), float(_draw(generator) % np.uint64(total)) + 1, total)
    left = _nearer(colours, counts, first, near, best)
    near, best = best, near
    centres[0] = colours[first].astype(np.float32)
    for k in range(1, clusters):
        least = -1
        winner = 0
        for _ in range(_TRIALS):
            code = _pick(codes, chosen, near, _draw_fraction(generator) * float(left), total)
            potential = _nearer(colours, counts, code, near, trial)
            if least < 0 or potential < least:
                least, winner = potential, code
                trial, best = best, trial
        left = least
        near, best = best, near
        centres[k] = colours[winner].astype(np.float32)
    return centres


@kernel
def _pick(
    codes: NDArray[np.int32], chosen: NDArray[np.bool_], share: NDArray[np.int32], mark: float, total: int
) -> int:
    """Code of the first chosen pixel at which the sum of the shares reaches `mark`, else of the last."""
    passed = 0
    seen = 0
    for i in range(len(codes)):
        if chosen[i]:
            seen += 1
            passed += share[codes[i]]
            if passed >= mark or seen == total:
                return int(codes[i])
    return -1


@kernel
def _nearer(
    colours: NDArray[np.uint8], counts: NDArray[np.int32], code: int, near: NDArray[np.int32], out: NDArray[np.int32]
) -> int:
    """Squared distances with the colour `code` as a further centre; their sum over all pixels."""
    a, b, c = np.int32(colours[code, 0]), np.int32(colours[code, 1]), np.int32(colours[code, 2])
    potential = 0
    for i in range(len(colours)):
        x, y, z = colours[i, 0] - a, colours[i, 1] - b, colours[i, 2] - c
        out[i] = min(near[i], x * x + y * y + z * z)
        potential += int(out[i]) * int(counts[i])
    return potential


@kernel
def _assign(colours: NDArray[np.uint8], centres: NDArray[np.float32], labels: NDArray[np.uint8]) -> None:
    for i in range(len(colours)):
        a, b, c = np.float32(colours[i, 0]), np.float32(colours[i, 1]), np.float32(colours[i, 2])
        least = np.float32(np.inf)
        for k in range(len(centres)):
            x, y, z = a - centres[k, 0], b - centres[k, 1], c - centres[k, 2]
            distance = x * x + y * y + z * z
            if distance < least:
                least = distance
                labels[i] = k


@kernel
def _sum(
    colours: NDArray[np.uint8],
    counts: NDArray[np.int32],
    codes: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    labels: NDArray[np.uint8],
    centres: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Write the sums of the clusters to `centres`; return their numbers of pixels."""
    sums = np.zeros((CLUSTERS, 4), np.int64)
    for i in range(len(colours)):
        total, count = sums[labels[i]], np.int64(counts[i])
        total[0] += count * colours[i, 0]
        total[1] += count * colours[i, 1]
        total[2] += count * colours[i, 2]
        total[3] += count
    if sums[:, :3].max() <= _EXACT:
        centres[:] = sums[: len(centres), :3].astype(np.float32)
    else:
        centres[:] = 0
        for i in range(len(codes)):
            if chosen[i]:
                code = codes[i]
                centre = centres[labels[code]]
                centre[0] += np.float32(colours[code, 0])
                centre[1] += np.float32(colours[code, 1])
                centre[2] += np.float32(colours[code, 2])
    return sums[:, 3].copy()


@kernel
def _fill(
    empty: int,
    colours: NDArray[np.uint8],
    codes: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    labels: NDArray[np.uint8],
    centres: NDArray[np.float32],
    sizes: NDArray[np.int64],
    moved: NDArray[np.int32],
) -> None:
    """Move the pixel of the largest cluster that lies farthest from its centre to the `empty` one."""
    largest = 0
    for k in range(1, len(centres)):
        if sizes[k] > sizes[largest]:
            largest = k
    middle = centres[largest] * (np.float32(1.0) / np.float32(sizes[largest]))
    gone = np.zeros(CLUSTERS, np.bool_)  # which of the earlier moves have been met, from the last pixel backwards
    most, farthest = np.float32(-1), -1
    for i in range(len(codes) - 1, -1, -1):
        code = codes[i]
        if not chosen[i] or labels[code] != largest:
            continue
        away = False
        for k in range(CLUSTERS):
            if moved[k] == code and not gone[k]:
                gone[k] = away = True
                break
        if away:
            continue
        x, y, z = colours[code, 0] - middle[0], colours[code, 1] - middle[1], colours[code, 2] - middle[2]
        distance = x * x + y * y + z * z
        if distance > most:
            most, farthest = distance, code
    for j in range(3):
        centres[largest, j] -= np.float32(colours[farthest, j])
        centres[empty, j] += np.float32(colours[farthest, j])
    sizes[largest] -= 1
    sizes[empty] += 1
    moved[empty] = farthest
