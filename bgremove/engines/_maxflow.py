"""Maximum flow on a rectangular grid whose nodes each have eight neighbours, a source link and a sink link.

Incremental breadth-first search (Goldberg, Hed, Kaplan, Tarjan, Werneck 2011, "Maximum flows by incremental
breadth-first search", https://doi.org/10.1007/978-3-642-23719-5_39) on residuals that are whole numbers, so that
conservation and saturation are exact. Two forests grow level by level: S from the nodes with flow left to send, T from
those that can still take some. Where they touch, flow is sent along the two tree paths, and the nodes whose link to
their parent is now full look for a new one at the same distance or, failing that, at the least greater one.

A grid of ``(height, width)`` nodes has a frame of one unlinked node around it, so that no neighbour needs a test. Node
``(y, x)`` is ``(y + 1) * stride + x + 1`` where ``stride = width + 2``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

DIRECTIONS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, 1), (-1, 1), (1, -1))
"""Steps ``(dy, dx)`` to the eight neighbours; ``d ^ 1`` is the way back from ``d``."""

_ROOT, _ORPHAN = 8, 9  # what `parent` holds besides a direction


class Grid(NamedTuple):
    """A grid and its residuals, which `solve` updates in place. About 47 bytes a node."""

    residual: NDArray[np.int32]
    """(nodes, 8): what may still flow to the neighbour in each direction, at least 0; 0 into and out of the frame."""
    excess: NDArray[np.int32]
    """(nodes,): what is left to send from the source (above 0), or what may still go to the sink (below 0)."""
    distance: NDArray[np.int32]
    """(nodes,): steps to the root of the tree plus one; above 0 in S, below 0 in T, 0 in neither."""
    parent: NDArray[np.uint8]
    """(nodes,): direction of the parent, for a node in a tree."""
    orphans: NDArray[np.int32]
    """(nodes,): ring buffer of nodes that look for a parent."""
    active: NDArray[np.int32]
    """(2, 2, nodes // 8 + 64): per tree, the nodes at the level that grows and at the next, as far as they fit."""
    state: NDArray[np.int64]
    """(12,): see the `_` names below."""
    step: NDArray[np.int64]
    """(8,): what to add to a node to get its neighbours."""


# Where `state` keeps what. Tree 0 is S and tree 1 is T.
_LEVEL = 0  # +tree: the level that grows
_LIMIT = 2  # +tree: the greatest distance allowed just now
_COUNT = 4  # +2 * tree + (level is the next one): length of the list of active nodes, or -1 if it did not fit
_HEAD, _TAIL = 8, 9  # of the ring of orphans
_FLOW = 10


def make_grid(height: int, width: int) -> Grid:
    """A grid of `height` by `width` nodes without links, to be filled in before `solve`."""
    stride = width + 2
    nodes = (height + 2) * stride
    return Grid(
        residual=np.zeros((nodes, 8), np.int32),
        excess=np.zeros(nodes, np.int32),
        distance=np.zeros(nodes, np.int32),
        parent=np.zeros(nodes, np.uint8),
        orphans=np.empty(nodes, np.int32),
        active=np.empty((2, 2, nodes // 8 + 64), np.int32),
        state=np.zeros(12, np.int64),
        step=np.array([dy * stride + dx for dy, dx in DIRECTIONS], np.int64),
    )


def solve(grid: Grid) -> int:
    """Send as much as possible from the nodes with positive excess to those with negative excess.

    Any residuals and excesses are a fair start, in particular those of an earlier flow to which some excess was added.
    Afterwards ``grid.distance > 0`` exactly at the nodes that can still be reached from the source: the smallest source
    side of all minimum cuts. Magnitudes of excess and residual must stay below 2**31 whatever flows.

    Returns the flow sent by this call. Holds no Python object: other threads run meanwhile.
    """
    return int(_solve(grid))


@njit(nogil=True, cache=True)
def _solve(grid: Grid) -> int:
    state = grid.state
    state[:] = 0
    _plant(grid)
    growing = True
    while growing:
        for tree in range(2):
            _grow(grid, tree)
        growing = state[_COUNT] != 0
    return state[_FLOW]


@njit(nogil=True, cache=True)
def _plant(grid: Grid) -> None:
    """Make every node with excess a tree of its own."""
    excess, distance, parent, state = grid.excess, grid.distance, grid.parent, grid.state
    for node in range(excess.size):
        distance[node] = 0
        if excess[node] != 0:
            distance[node] = 1 if excess[node] > 0 else -1
            parent[node] = _ROOT
    for tree in range(2):
        state[_LEVEL + tree] = state[_LIMIT + tree] = 1
        state[_COUNT + 2 * tree] = -1  # all the roots: they are found by looking at every node


@njit(nogil=True, cache=True)
def _activate(grid: Grid, node: int, tree: int, level: int) -> None:
    """Note that `node`, now at `level`, has to be grown from, if that is one of the two levels that matter."""
    ahead = level - grid.state[_LEVEL + tree]
    if ahead < 0:
        return
    where = _COUNT + 2 * tree + ahead
    count = grid.state[where]
    if count < 0:
        return
    if count == grid.active.shape[2]:
        grid.state[where] = -1
        return
    grid.active[tree, ahead, count] = node
    grid.state[where] = count + 1


@njit(nogil=True, cache=True)
def _grow(grid: Grid, tree: int) -> None:
    """Grow one tree by one level."""
    state = grid.state
    level = state[_LEVEL + tree]
    state[_LIMIT + tree] = level + 1
    here, ahead = _COUNT + 2 * tree, _COUNT + 2 * tree + 1
    signed = -level if tree else level
    done = 0
    while True:
        while done < state[here]:  # the list may grow meanwhile
            node = grid.active[tree, 0, done]
            done += 1
            if grid.distance[node] == signed:
                _scan(grid, node, tree, signed)
        if state[here] >= 0:
            break
        # Too long for the list: look at every node. What becomes active meanwhile goes to the emptied list.
        state[here] = done = 0
        for node in range(grid.excess.size):
            if grid.distance[node] == signed:
                _scan(grid, node, tree, signed)
    count = state[ahead]
    for i in range(count):
        grid.active[tree, 0, i] = grid.active[tree, 1, i]
    state[here] = count
    state[ahead] = 0
    state[_LEVEL + tree] = level + 1


@njit(nogil=True, cache=True)
def _scan(grid: Grid, node: int, tree: int, signed: int) -> None:
    """Let `node`, at distance `signed`, take its free neighbours into the tree and send flow to the other tree."""
    residual, distance, parent, step = grid.residual, grid.distance, grid.parent, grid.step
    onward = -1 if tree else 1
    for direction in range(8):
        other = node + step[direction]
        while True:
            if tree == 0:
                room = residual[node, direction]
            else:
                room = residual[other, direction ^ 1]
            if room == 0:
                break
            beyond = distance[other]
            if beyond == 0:
                distance[other] = signed + onward
                parent[other] = direction ^ 1
                _activate(grid, other, tree, abs(signed) + 1)
                break
            if (beyond > 0) == (tree == 0):
                break
            if tree == 0:
                _augment(grid, node, direction)
            else:
                _augment(grid, other, direction ^ 1)
            _adopt_all(grid)
            if distance[node] != signed:
                return


@njit(nogil=True, cache=True)
def _augment(grid: Grid, node: int, direction: int) -> None:
    """Send what fits from the root of `node`, in S, over its link in `direction` to the root of that node, in T."""
    residual, excess, parent, step = grid.residual, grid.excess, grid.parent, grid.step
    other = node + step[direction]
    amount = residual[node, direction]
    up = node
    while parent[up] != _ROOT:
        back = parent[up] ^ 1
        up += step[parent[up]]
        amount = min(amount, residual[up, back])
    amount = min(amount, excess[up])
    down = other
    while parent[down] != _ROOT:
        amount = min(amount, residual[down, parent[down]])
        down += step[parent[down]]
    amount = min(amount, -excess[down])

    residual[node, direction] -= amount
    residual[other, direction ^ 1] += amount
    while parent[node] != _ROOT:
        link = parent[node]
        up = node + step[link]
        residual[node, link] += amount
        residual[up, link ^ 1] -= amount
        if residual[up, link ^ 1] == 0:
            _orphan(grid, node)
        node = up
    excess[node] -= amount
    if excess[node] == 0:
        _orphan(grid, node)
    while parent[other] != _ROOT:
        link = parent[other]
        down = other + step[link]
        residual[down, link ^ 1] += amount
        residual[other, link] -= amount
        if residual[other, link] == 0:
            _orphan(grid, other)
        other = down
    excess[other] += amount
    if excess[other] == 0:
        _orphan(grid, other)
    grid.state[_FLOW] += amount


@njit(nogil=True, cache=True)
def _orphan(grid: Grid, node: int) -> None:
    """Take the parent from `node` and let it look for another."""
    state = grid.state
    grid.parent[node] = _ORPHAN
    tail = state[_TAIL]
    grid.orphans[tail] = node
    tail += 1
    state[_TAIL] = 0 if tail == grid.orphans.size else tail


@njit(nogil=True, cache=True)
def _adopt_all(grid: Grid) -> None:
    """Find a parent for every orphan, or set it free."""
    state = grid.state
    while state[_HEAD] != state[_TAIL]:
        head = state[_HEAD]
        node = grid.orphans[head]
        head += 1
        state[_HEAD] = 0 if head == grid.orphans.size else head
        _adopt(grid, node, 0 if grid.distance[node] > 0 else 1)


@njit(nogil=True, cache=True)
def _adopt(grid: Grid, node: int, tree: int) -> None:
    """Hang `node` below the nearest neighbour in its tree that has room, or free it; its children, if it moved, follow."""
    residual, distance, parent, step = grid.residual, grid.distance, grid.parent, grid.step
    sign = -1 if tree else 1
    old = sign * distance[node]
    limit = grid.state[_LIMIT + tree]
    nearest = limit
    best = -1
    for direction in range(8):
        other = node + step[direction]
        far = sign * distance[other]
        if far <= 0 or far >= nearest:
            continue
        room = residual[other, direction ^ 1] if tree == 0 else residual[node, direction]
        if room == 0:
            continue
        nearest = far
        best = direction
        if far == old - 1:
            break
    if best >= 0 and nearest == old - 1:
        parent[node] = best
        return
    for direction in range(8):
        child = node + step[direction]
        if parent[child] == direction ^ 1 and sign * distance[child] > 0:
            _orphan(grid, child)
    if best >= 0:
        distance[node] = sign * (nearest + 1)
        parent[node] = best
        _activate(grid, node, tree, nearest + 1)
    else:
        distance[node] = 0
