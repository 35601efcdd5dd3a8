"""Coarse to fine: the whole rect is solved on a small image only, larger ones just near the boundary."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bgremove.engines import _band, _location, _warm_up
from bgremove.engines._barriers import Field
from bgremove.engines._boundary import find_band
from bgremove.engines._boxes import foreground_box, open_box
from bgremove.engines._compile import compiled_once
from bgremove.engines._energy import GMMs, measure_beta
from bgremove.engines._overlap import find_gap, measure_masks, predict_overlap, warm_up_overlap
from bgremove.engines._pyramid import Level, build, enlarge
from bgremove.engines._subset import learn_gmms
from bgremove.engines._whole import Graph, Solution, Whole, make_graph, minimise
from bgremove.engines.base import Engine, Segmentation
from bgremove.engines.exact import ExactEngine
from bgremove.rows import bands_of, beside, in_threads
from bgremove.types import Foreground, Image, Label, Mask, Rect

_COARSE = 40_000  # pixels of the open box in the image that is solved whole
_ALONE = 60_000  # an open box of no more pixels than this is not reduced
_CONTEXT = 0.25  # surroundings of the open box that are looked at, as a share of its sides
_REACH = 2  # half the width of the band, in pixels: beyond half of what a pixel of the level above covers, 2.5 at most
_LEAST, _MOST = 0.005, 0.99  # shares of the open pixels beyond which the foreground has collapsed
_MOST_COLLAPSES = 2  # the third result is taken as it is
_GAP = 0.15  # share of a side of a drawn box by which the object may keep away from it
_PULL = 0.5  # added to the logarithm of all odds
_STRONG_PULL = 1.5  # where the mask keeps away from a side of a drawn box
_ROWS = 200  # that the contrast is measured in, and the row below each
_LARGEST = 2_300_000  # pixels of the image that this is of at most: _COARSE * 2.5**2 * 2**2, and the surroundings


class _Result(NamedTuple):
    """What is known at one level."""

    foreground: Foreground
    gmms: GMMs
    overlap: float | None = None
    """What is predicted of it, see `bgremove.engines._overlap`; None where that says nothing."""


class MultiscaleEngine(Engine):
    """GrabCut on a reduced image, then in a narrow band around the boundary of larger and larger ones.

    Banded graph cuts (Lombaert, Sun, Grady, Xu 2005, https://doi.org/10.1109/ICCV.2005.81) with the energy of GrabCut
    (Rother, Kolmogorov, Blake 2004, https://doi.org/10.1145/1015706.1015720), whose colour models and contrast are
    those of each level. In the reduced image a prior says where the object is likely to be, see
    `bgremove.engines._location`, and the search starts there. The odds are raised a little, for the mask that overlaps
    most with an uncertain object holds more than what is likely (Nowozin 2014, Optimal Decisions from Probabilistic
    Models: the Intersection-over-Union Case). Into a margin, which starts as background, the search goes where the
    prior says that the object does; into no other background. A mask that keeps away from a side of a drawn box is
    sought again with better odds for the object (the idea: Lempitsky and others 2009,
    https://doi.org/10.1109/ICCV.2009.5459262). It is sought without the prior too, and the mask is taken that is likely
    to fit better, see `bgremove.engines._overlap`. When the foreground of the reduced image is gone or fills all that
    is open, the next larger image is solved whole instead, at most twice.

    What is thinner than a pixel of the reduced image, where the box of open pixels has 40,000, may be lost. Hints are
    not: certain pixels stay as they are, and weigh in the reduced image too. What is open is judged by its surroundings
    only: the window looked at is the box of open pixels and a quarter of its sides around it.

    About 60 milliseconds and 5 more a megapixel, one thread; in several, where the process may use them, the same mask
    sooner. Lets other threads run. Memory: about 6 bytes a pixel, and 52 a pixel of the image that is solved whole,
    which is small but after a collapse.
    """

    def peak_bytes(self, pixels: int) -> int:
        """See `bgremove.engines.Engine.peak_bytes`; in one thread, as workers have."""
        # Most is taken when the foreground collapses twice in reduced images; otherwise it is about 6 a pixel.
        return 52 * min(pixels, _LARGEST) + 8 * pixels + 2_000_000

    def estimate_s(self, pixels: int) -> float:
        """See `bgremove.engines.Engine.estimate_s`."""
        return min(ExactEngine().estimate_s(pixels), 0.04 + 0.006e-6 * pixels)

    def follows(self, pixels: int) -> bool:  # noqa: ARG002
        """See `bgremove.engines.Engine.follows`: whatever the size."""
        return True

    def warm_up(self) -> None:
        """See `bgremove.engines.Engine.warm_up`."""
        parts = _warm_up_cuts, _location.warm_up_log_odds, warm_up_overlap  # the longest first
        with compiled_once(_band.cut_windows, apart=parts):
            for part in parts:
                part()

    def segment(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Mask:
        """See `bgremove.engines.Engine.segment`."""
        return self.judge(image, labels, iterations=iterations, seed=seed, drawn=drawn).mask

    def judge(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Segmentation:
        """See `bgremove.engines.Engine.judge`: how well a mask is likely to fit was predicted in order to choose it."""
        box = open_box(labels)
        if box.width == 0:
            return Segmentation(labels.copy())
        sought = box if drawn else foreground_box(labels)
        area = sought.width * sought.height
        shrink = math.sqrt(area / _COARSE) if area > _ALONE else 1
        return _coarse_to_fine(image, labels, box, shrink, drawn=drawn, iterations=iterations, seed=seed)


def _coarse_to_fine(
    image: Image, labels: Mask, box: Rect, shrink: float, *, drawn: bool, iterations: int, seed: int
) -> Segmentation:
    """The mask, from an image whose sides are ``1 / shrink`` of the given ones on; `box` is that of the open pixels."""
    x, y, width, height = box
    rows, columns = box.grown(int(_CONTEXT * width) + 2, int(_CONTEXT * height) + 2).clip(*labels.shape).slices
    image, shown = np.ascontiguousarray(image[rows]), np.ascontiguousarray(labels[rows])
    result = _descend(build(Level(image, shown, columns), shrink), drawn=drawn, iterations=iterations, seed=seed)
    mask = np.empty(labels.shape, np.uint8)

    def decide(band: slice) -> None:
        mask[band] = labels[band]
        part = slice(max(y, band.start), max(y, min(y + height, band.stop)))
        target = mask[part, x : x + width]
        likely = result.foreground[part.start - rows.start : part.stop - rows.start, x - columns.start :][:, :width]
        # Where a label is certain, the foreground is as it says.
        target &= np.uint8(Label.PROBABLY_BACKGROUND)
        target |= likely.view(np.uint8)

    in_threads(decide, bands_of(*labels.shape))
    return Segmentation(mask, overlap=result.overlap)


def _descend(levels: list[Level], *, drawn: bool, iterations: int, seed: int) -> _Result:
    """Solve the smallest level whole, larger ones instead while that fails, and carry the result to the largest."""
    larger = levels[:-1]
    with beside(lambda: [_measure_beta(level) for level in larger]) as betas:
        result = _solve_smallest(levels, drawn=drawn, iterations=iterations, seed=seed)
        for level, beta in reversed(list(zip(levels, betas(), strict=False))):
            result = _refine(level, result, beta)
    return result


def _solve_smallest(levels: list[Level], *, drawn: bool, iterations: int, seed: int) -> _Result:
    """The result at the smallest level at which the foreground does not collapse; that level and smaller ones go."""
    for collapses in range(_MOST_COLLAPSES + 1):
        level = levels.pop()
        solution, overlap = _solve(level, drawn=drawn, iterations=iterations, seed=seed)
        if not levels or collapses == _MOST_COLLAPSES or not _collapsed(solution):
            break
    return _Result(solution.foreground, solution.gmms, overlap)


def _solve(level: Level, *, drawn: bool, iterations: int, seed: int) -> tuple[Solution, float]:
    """GrabCut over all open pixels of a level, with the prior and without: what is likely to fit better, and how well.

    With better odds for the object if it keeps away from a side of a drawn box.
    """
    image, labels = np.ascontiguousarray(level.image), np.ascontiguousarray(level.labels)
    beta, graphs = _measure_beta(level), list[Graph]()  # one graph, made when the prior needs its memory no more

    def solve(odds: Field | None, pull: float = 0.0) -> Solution:
        whole = Whole(image, labels, open_box(labels), beta)
        if not graphs:
            graphs.append(make_graph(whole.box))
        return minimise(whole, graphs[0], odds, pull, iterations=iterations, seed=seed)

    if drawn:
        with beside(lambda: solve(None)) as plainly:
            odds = _location.log_odds(image, labels, drawn=True)
            plain = plainly()
    else:
        labels, odds = _location.open_margin(image, labels)
        plain = solve(None)
    likely = solve(odds, _PULL)
    if drawn and find_gap(likely.foreground[open_box(labels).slices]) > _GAP:
        likely = solve(odds, _STRONG_PULL)
    found = [likely] if _collapsed(plain) else [likely, plain]
    measured = measure_masks(image, labels, [each.foreground for each in found], odds)
    overlaps = [predict_overlap(each) for each in measured]
    best = overlaps.index(max(overlaps))
    return found[best], overlaps[best]


def _refine(level: Level, coarser: _Result, beta: float) -> _Result:
    """Carry a result to a larger level, and decide anew what lies near its boundary."""
    foreground, count = enlarge(coarser.foreground, level.label_rows, level.columns)
    if count in {0, foreground.size}:
        return coarser._replace(foreground=foreground)
    left = level.columns.start
    gmms = learn_gmms(level.rows, left, foreground, coarser.gmms)
    band = find_band(foreground, level.label_rows, _REACH, level.columns)
    _band.cut_band(level.rows, foreground, band, gmms, beta, left)
    return _Result(foreground, gmms, coarser.overlap)


def _warm_up_cuts() -> None:
    """Compile what is run with a prior or without, and nothing that the other parts do."""
    image, labels = _warm_up.make_picture()
    *larger, small = build(Level(image, labels, slice(0, labels.shape[1])), 3)
    whole = Whole(small.image, small.labels, open_box(small.labels), _measure_beta(small))
    solution = minimise(whole, make_graph(whole.box), None, 0.0, iterations=_warm_up.ITERATIONS, seed=0)
    result = _Result(solution.foreground, solution.gmms)
    for level in reversed(larger):
        result = _refine(level, result, _measure_beta(level))


def _measure_beta(level: Level) -> float:
    """In some of the rows, and between each of these and the row below."""
    return measure_beta(level.rows, max(1, len(level.rows) // _ROWS), level.columns)


def _collapsed(solution: Solution) -> bool:
    """Whether hardly any or hardly all of the open pixels are foreground."""
    return not _LEAST < solution.share < _MOST
