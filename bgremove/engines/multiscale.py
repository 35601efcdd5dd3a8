"""Coarse to fine: the whole rect is solved on a small image only, larger ones just near the boundary."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from bgremove.engines import _band, _location, _warm_up
from bgremove.engines._barriers import Field
from bgremove.engines._boundary import find_band
from bgremove.engines._compile import compiled_once
from bgremove.engines._energy import COMPONENTS, PARAMETERS, GMMs, measure_beta, open_box
from bgremove.engines._overlap import find_gap, predict_overlap, warm_up_overlap
from bgremove.engines._pyramid import Level, build, enlarge
from bgremove.engines._subset import initialise_gmms, learn_gmms, take_subset
from bgremove.engines.exact import ExactEngine
from bgremove.errors import EngineError
from bgremove.rows import bands_of, beside, in_threads
from bgremove.types import Foreground, Image, Label, Mask, Rect

_COARSE = 40_000  # pixels of the open box in the image that is solved whole
_ALONE = 60_000  # an open box of no more pixels than this is not reduced
_CONTEXT = 0.25  # surroundings of the open box that are looked at, as a share of its sides
_REACH = 2  # half the width of the band, in pixels: beyond half of what a pixel of the level above covers, 2.5 at most
_CONVERGED = 0.005  # iterations end early when no greater share of the open pixels changes its label
_LEAST, _MOST = 0.005, 0.99  # shares of the open pixels beyond which the foreground has collapsed
_MOST_COLLAPSES = 2  # the third result is taken as it is
_LIKELY = -1.0  # the least logarithm of the odds of pixels that start as foreground
_GAP = 0.15  # share of a side of a drawn box by which the object may keep away from it
_PULL = 1.0  # added to the logarithm of all odds where it does
_ROWS = 200  # that the contrast is measured in, and the row below each
_LARGEST = 2_300_000  # pixels of the image that this is of at most: _COARSE * 2.5**2 * 2**2, and the surroundings


class _Result(NamedTuple):
    """What is known at one level."""

    foreground: Foreground
    gmms: GMMs
    overlap: float | None = None
    """What is predicted of it, see `bgremove.engines._overlap`; None where that says nothing."""


class JudgedMask(NamedTuple):
    """A mask, and what its intersection over union with the truth will be about, None where that is not known."""

    mask: Mask
    overlap: float | None


class MultiscaleEngine:
    """GrabCut on a reduced image, then in a narrow band around the boundary of larger and larger ones.

    Banded graph cuts (Lombaert, Sun, Grady, Xu 2005, https://doi.org/10.1109/ICCV.2005.81) with the energy of GrabCut
    (Rother, Kolmogorov, Blake 2004, https://doi.org/10.1145/1015706.1015720), whose colour models and contrast are
    those of each level. In the reduced image a prior says where the object is likely to be, see
    `bgremove.engines._location`, and the search starts there. A mask that keeps away from a side of a drawn box is
    sought again with better odds for the object (the idea: Lempitsky and others 2009,
    https://doi.org/10.1109/ICCV.2009.5459262). It is sought without the prior too, and the mask is taken that is likely
    to fit better, see `bgremove.engines._overlap`. When the foreground of the reduced image is gone or fills all that
    is open, the next larger image is solved whole instead, at most twice.

    What is thinner than a pixel of the reduced image, where the box of open pixels has 40,000, may be lost. Hints are
    not: certain pixels stay as they are, and weigh in the reduced image too. What is open is judged by its surroundings
    only: the window looked at is the box of open pixels and a quarter of its sides around it.

    About 60 milliseconds and 5 more a megapixel, one thread; in several, where the process may use them, the same mask
    sooner. Lets other threads run. Memory: about 6 bytes a pixel, and 52 a pixel of the image that is solved whole,
    which is small but after a collapse; in several threads twice these 52.
    """

    def peak_bytes(self, pixels: int) -> int:
        """See `bgremove.engines.Engine.peak_bytes`; in one thread, as workers have."""
        # Most is taken when the foreground collapses twice in reduced images; otherwise it is about 6 a pixel.
        return 52 * min(pixels, _LARGEST) + 8 * pixels + 2_000_000

    def estimate_s(self, pixels: int) -> float:
        """See `bgremove.engines.Engine.estimate_s`."""
        return min(ExactEngine().estimate_s(pixels), 0.04 + 0.006e-6 * pixels)

    def warm_up(self) -> None:
        """See `bgremove.engines.Engine.warm_up`."""
        ExactEngine().warm_up()
        _location.warm_up_log_odds()
        warm_up_overlap()
        image, labels = _warm_up.make_picture()
        with compiled_once(_band.cut_windows):
            _coarse_to_fine(image, labels, open_box(labels), 3, drawn=True, iterations=_warm_up.ITERATIONS, seed=0)

    def segment(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Mask:
        """See `bgremove.engines.Engine.segment`."""
        return self.segment_judged(image, labels, iterations=iterations, seed=seed, drawn=drawn).mask

    def segment_judged(
        self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True
    ) -> JudgedMask:
        """What `segment` gives, and how well it is likely to fit: that was predicted in order to choose it."""
        box = open_box(labels)
        area = box.width * box.height
        if area == 0:
            return JudgedMask(labels.copy(), None)
        shrink = math.sqrt(area / _COARSE) if area > _ALONE else 1
        try:
            return _coarse_to_fine(image, labels, box, shrink, drawn=drawn, iterations=iterations, seed=seed)
        except ValueError as error:
            raise EngineError(str(error)) from error


def _coarse_to_fine(
    image: Image, labels: Mask, box: Rect, shrink: float, *, drawn: bool, iterations: int, seed: int
) -> JudgedMask:
    """The mask, from an image whose sides are ``1 / shrink`` of the given ones on; `box` is that of the open pixels."""
    x, y, width, height = box
    aside, above = int(_CONTEXT * width) + 2, int(_CONTEXT * height) + 2
    window = slice(max(0, y - above), y + height + above), slice(max(0, x - aside), x + width + aside)
    rows = np.ascontiguousarray(image[window[0]])
    levels = build(Level(rows, window[1].start, labels[window]), shrink)
    result = _descend(levels, drawn=drawn, iterations=iterations, seed=seed)
    mask = np.empty(labels.shape, np.uint8)
    left, top = window[1].start, window[0].start

    def decide(band: slice) -> None:
        mask[band] = labels[band]
        rows = slice(max(y, band.start), max(y, min(y + height, band.stop)))
        part = mask[rows, x : x + width]
        likely = result.foreground[rows.start - top : rows.stop - top, x - left : x - left + width]
        # Where a label is certain, the foreground is as it says.
        np.bitwise_or(part & np.uint8(Label.PROBABLY_BACKGROUND), likely.view(np.uint8), out=part)

    in_threads(decide, bands_of(*labels.shape))
    return JudgedMask(mask, result.overlap)


def _descend(levels: list[Level], *, drawn: bool, iterations: int, seed: int) -> _Result:
    """Solve the smallest level whole, larger ones instead while that fails, and carry the result to the largest."""
    larger = [level.image for level in levels[:-1]]
    with beside(lambda: [_measure_beta(image) for image in larger]) as betas:
        result = _solve_smallest(levels, drawn=drawn, iterations=iterations, seed=seed)
        for level, beta in reversed(list(zip(levels, betas(), strict=False))):
            result = _refine(level, result, beta)
    return result


def _solve_smallest(levels: list[Level], *, drawn: bool, iterations: int, seed: int) -> _Result:
    """The result at the smallest level at which the foreground does not collapse; that level and smaller ones go."""
    for collapses in range(_MOST_COLLAPSES + 1):
        level = levels.pop()
        result = _solve(level, drawn=drawn, iterations=iterations, seed=seed)
        if not levels or collapses == _MOST_COLLAPSES or not _collapsed(result.foreground, level.labels):
            break
    return result


def _solve(level: Level, *, drawn: bool, iterations: int, seed: int) -> _Result:
    """GrabCut over all open pixels of a level, with the prior and without: the result that is likely to fit better."""
    level = Level(np.ascontiguousarray(level.image), 0, np.ascontiguousarray(level.labels))
    with beside(partial(_minimise, level, None, iterations=iterations, seed=seed)) as without_prior:
        odds = _location.log_odds(level.image, level.labels, drawn=drawn)
        result = _solve_with_prior(level, odds, drawn=drawn, iterations=iterations, seed=seed)
        plain = without_prior()
    found = [result] if _collapsed(plain.foreground, level.labels) else [result, plain]
    overlaps = [predict_overlap(level.image, level.labels, each.foreground, odds) for each in found]
    best = overlaps.index(max(overlaps))
    return found[best]._replace(overlap=overlaps[best])


def _solve_with_prior(level: Level, odds: Field, *, drawn: bool, iterations: int, seed: int) -> _Result:
    """With better odds for the object if it keeps away from a side of a drawn box."""
    result = _minimise(level, odds, iterations=iterations, seed=seed)
    if drawn and find_gap(np.ascontiguousarray(result.foreground[open_box(level.labels).slices])) > _GAP:
        return _minimise(level, odds + np.float32(_PULL), iterations=iterations, seed=seed)
    return result


def _start(labels: Mask, odds: Field | None) -> Foreground:
    """The likely ones of the pixels that `labels` have as foreground; all, where none or no other is likely."""
    if odds is None:
        return (labels & 1).astype(np.bool_)
    likely: Foreground = (labels == Label.FOREGROUND) | (labels == Label.PROBABLY_FOREGROUND) & (odds > _LIKELY)
    return _start(labels, None) if _is_uniform(likely) else likely


def _minimise(level: Level, odds: Field | None, *, iterations: int, seed: int) -> _Result:
    """Models and cut in turn, with a prior or without."""
    image, labels = level.image, level.labels
    foreground = _start(labels, odds)
    most_changes = _CONVERGED * np.count_nonzero(labels >= Label.PROBABLY_BACKGROUND)
    if _is_uniform(foreground):  # nothing in sight tells the open pixels from the rest
        return _Result(foreground, np.zeros((2, COMPONENTS, PARAMETERS)))
    graph = _band.construct_graph(image, labels, _measure_beta(image), odds)
    subset = take_subset(image, foreground)
    gmms = initialise_gmms(subset, seed)
    for iteration in range(iterations):
        if iteration > 0:
            subset = take_subset(image, foreground)
        gmms = learn_gmms(subset, gmms)
        before, foreground = foreground, _band.cut(graph, gmms)
        converged = np.count_nonzero(foreground != before) <= most_changes
        if converged or _is_uniform(foreground):
            break
    return _Result(foreground, gmms)


def _refine(level: Level, coarser: _Result, beta: float) -> _Result:
    """Carry a result to a larger level, and decide anew what lies near its boundary."""
    foreground = enlarge(coarser.foreground, level.labels)
    if _is_uniform(foreground):
        return coarser._replace(foreground=foreground)
    gmms = learn_gmms(take_subset(level.image, foreground), coarser.gmms)
    band = find_band(foreground, level.labels, _REACH)
    _band.cut_band(level.rows, foreground, band, gmms, beta, level.left)
    return _Result(foreground, gmms, coarser.overlap)


def _measure_beta(image: Image) -> float:
    """In some of the rows, and between each of these and the row below."""
    step = len(image) // _ROWS
    if step < 2:
        return measure_beta(np.ascontiguousarray(image))
    rows = np.arange(0, len(image), step).repeat(2)
    rows[1::2] += 1
    return measure_beta(image[rows[rows < len(image)]], 2)


def _collapsed(foreground: Foreground, labels: Mask) -> bool:
    """Whether hardly any or hardly all of the open pixels are foreground."""
    inside = foreground[labels >= Label.PROBABLY_BACKGROUND]
    return not (inside.size and _LEAST < np.count_nonzero(inside) / inside.size < _MOST)


def _is_uniform(foreground: Foreground) -> bool:
    return np.count_nonzero(foreground) in {0, foreground.size}
