"""GrabCut over all open pixels of a small image: a kernel to begin with, and one for all iterations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._band import Buffers, add_terminal_weights, make_buffers
from bgremove.engines._barriers import Field
from bgremove.engines._compile import kernel
from bgremove.engines._energy import COMPONENTS, OPEN, PARAMETERS, GMMs, link_neighbours
from bgremove.engines._grid import FAR, Grid, find_exits, make_grid
from bgremove.engines._location import LIKELY, add_prior, loosen
from bgremove.engines._maxflow import Shell, make_shell, solve_within
from bgremove.engines._subset import Subset, distance_of, larger_subset, learn, learn_again, subset_of
from bgremove.types import Foreground, Image, Label, Mask, Rect

_CONVERGED = 0.005  # iterations end early when no greater share of the open pixels changes its label
_SHELL = 1024  # distances that there is room for at first
_FOREGROUND = int(Label.FOREGROUND)

_DONE, _WANTS_SHELL = 0, -2

# What is counted.
OPEN_PIXELS, CHOSEN, FOREGROUND, _ITERATION, _DEPTH, _LINKED = range(6)


class Graph(NamedTuple):
    """The graph of the open pixels of an image, and what it is cut with."""

    grid: Grid
    """Of the box of the open pixels."""
    start: NDArray[np.int32]
    """(nodes,): the excess without prior and terminal weights."""
    weights: NDArray[np.int32]
    """(nodes,): the terminal weights that are part of the excess."""
    buffers: Buffers
    row: NDArray[np.int32]
    tally: NDArray[np.int64]
    """Open pixels, those of them that are foreground, all that are; the iteration, the depth of a cut in it that waits
    for a larger shell, and whether neighbours are linked, 1, or linked loosely, 2."""


class Whole(NamedTuple):
    """An image that is solved whole."""

    image: Image
    labels: Mask
    box: Rect
    """Of the open pixels."""
    beta: float


class Solution(NamedTuple):
    """A cut of a whole image."""

    foreground: Foreground
    gmms: GMMs
    share: float
    """Of the open pixels, those that are foreground."""


def make_graph(box: Rect) -> Graph:
    """The graph of a box, without links. 52 bytes a pixel."""
    grid = make_grid(box.height, box.width)
    start, weights = np.empty((2, grid.excess.size), np.int32)
    return Graph(grid, start, weights, make_buffers(), np.empty(box.width + 2, np.int32), np.zeros(6, np.int64))


def minimise(whole: Whole, graph: Graph, odds: Field | None, pull: float, *, iterations: int, seed: int) -> Solution:
    """Models and cut in turn, with a prior or without.

    The `odds`, see `bgremove.engines._location.log_odds`, are a prior, to all of which `pull` is added. The `graph` is
    a new one, or that of an earlier call for the same image. Raises `EngineError` if a colour component has no density.
    """
    size = whole.labels.size
    foreground, gmms = np.empty(whole.labels.shape, np.uint8), np.zeros((2, COMPONENTS, PARAMETERS))
    prior = np.empty((0, 0), np.float32) if odds is None else odds
    begin(*whole, prior, pull, graph, foreground)
    distance = distance_of(size)
    subset, shell = subset_of(*whole.labels.shape), make_shell(_SHELL)
    if 0 < graph.tally[FOREGROUND] < size:  # else nothing in sight tells the open pixels from the rest
        while status := learn(whole.image, 0, foreground, whole.labels, distance, gmms, seed, subset):
            subset = larger_subset(status)
        while status := iterate(
            whole.image, whole.labels, whole.box, graph, foreground, gmms, iterations, distance, subset, shell
        ):
            if status == _WANTS_SHELL:
                shell = make_shell(2 * int(graph.tally[_DEPTH]))
            else:
                subset = larger_subset(status)
    share = int(graph.tally[CHOSEN]) / max(1, int(graph.tally[OPEN_PIXELS]))
    return Solution(foreground.view(np.bool_), gmms, share)


@kernel
def begin(
    image: Image,
    labels: Mask,
    box: Rect,
    beta: float,
    odds: Field,
    pull: float,
    graph: Graph,
    foreground: Mask,
) -> None:
    """Start with the likely ones of the pixels that `labels` have as foreground, and link neighbours."""
    grid, tally = graph.grid, graph.tally
    recovered = tally[_LINKED] > 0
    if recovered:
        _recover_links(grid)
        _copy(graph.start, grid.excess)
    else:
        link_neighbours(grid, image, 0, labels, box, beta, graph.row)
        _copy(grid.excess, graph.start)
        tally[_LINKED] = 1
    graph.weights[:] = 0
    if odds.size > 0:
        if tally[_LINKED] == 1:
            loosen(grid)
            _copy(grid.excess, graph.start)
            tally[_LINKED] = 2
        add_prior(grid, labels, box, odds, np.float32(pull))
    if recovered or odds.size > 0:
        find_exits(grid.residual, grid.state)
    _start(labels, odds, np.float32(pull), foreground, tally)
    if not 0 < tally[FOREGROUND] < labels.size and odds.size > 0:
        _start(labels, odds[:0], np.float32(pull), foreground, tally)
    tally[_ITERATION] = tally[_DEPTH] = 0


@kernel
def _copy(values: NDArray[np.int32], target: NDArray[np.int32]) -> None:
    for i in range(len(values)):
        target[i] = values[i]


@kernel
def _recover_links(grid: Grid) -> None:
    """Take the flow away: the residuals of a link and of its way back are equal without one."""
    residual = grid.residual
    stride = np.int64(grid.step[3])
    for node in range(stride + 1, len(grid.excess) - stride - 1):
        for direction in range(0, 8, 2):
            here, back = 8 * node + direction, 8 * (node + np.int64(grid.step[direction])) + direction + 1
            residual[here] = residual[back] = (residual[here] + residual[back]) >> 1


@kernel
def _start(labels: Mask, odds: Field, pull: Any, foreground: Mask, tally: NDArray[np.int64]) -> None:
    """Write the likely ones of the pixels that `labels` have as foreground; all, where there are no odds."""
    height, width = labels.shape
    opened, chosen, certain = 0, 0, 0
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            likely = label & 1
            if label >= OPEN:
                if odds.size > 0 and not odds[y, x] + pull > np.float32(LIKELY):
                    likely = 0
                opened += 1
                chosen += likely
            else:
                certain += likely
            foreground[y, x] = likely
    tally[OPEN_PIXELS], tally[CHOSEN], tally[FOREGROUND] = opened, chosen, chosen + certain


@kernel
def iterate(
    image: Image,
    labels: Mask,
    box: Rect,
    graph: Graph,
    foreground: Mask,
    gmms: GMMs,
    iterations: int,
    distance: int,
    subset: Subset,
    shell: Shell,
) -> int:
    """Learn and cut, `iterations` times or until hardly a label changes.

    Returns 0 when done. Otherwise it is to be called again: with a larger shell if it returns `_WANTS_SHELL`, with room
    for more pixels if it returns their number. What else `learn_again` returns is final.
    """
    grid, tally = graph.grid, graph.tally
    while tally[_ITERATION] < iterations:
        if tally[_DEPTH] == 0:
            status = learn_again(image, 0, foreground, labels, distance, gmms, subset)
            if status != 0:
                return status
            replace_terminal_weights(graph, image, labels, box, gmms)
            tally[_DEPTH] = 2
        tally[_DEPTH] = solve_within(grid, shell, tally[_DEPTH])
        if tally[_DEPTH] > 0:
            return _WANTS_SHELL
        changed = decide(grid, labels, box, foreground, tally)
        tally[_ITERATION] += 1
        uniform = not 0 < tally[FOREGROUND] < foreground.size
        if uniform or changed <= _CONVERGED * tally[OPEN_PIXELS]:
            break
    return _DONE


@kernel
def replace_terminal_weights(graph: Graph, image: Image, labels: Mask, box: Rect, gmms: GMMs) -> None:
    """Take the weights of the nodes from their excess, and add those of other models, which they become."""
    grid, weights = graph.grid, graph.weights
    for node in range(len(weights)):
        grid.excess[node] -= weights[node]
        weights[node] = grid.excess[node]
    shown = image[box.y : box.y + box.height, box.x : box.x + box.width]
    part = labels[box.y : box.y + box.height, box.x : box.x + box.width]
    add_terminal_weights(grid, shown, part, gmms, graph.buffers)
    for node in range(len(weights)):
        weights[node] = grid.excess[node] - weights[node]


@kernel
def decide(grid: Grid, labels: Mask, box: Rect, foreground: Mask, tally: NDArray[np.int64]) -> int:
    """The foreground of least energy where labels are open; returns how many pixels change."""
    changed, more = 0, 0
    for v in range(box.height):
        for u in range(box.width):
            y, x = box.y + v, box.x + u
            if labels[y, x] >= OPEN:
                label = 1 if grid.state[(v + 1) * (box.width + 1) + u + 1] >= FAR else 0
                changed += label ^ foreground[y, x]
                more += label - int(foreground[y, x])
                foreground[y, x] = label
    tally[CHOSEN] += more
    tally[FOREGROUND] += more
    return changed
