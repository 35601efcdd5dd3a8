"""Maximum flow on a rectangular grid whose nodes each have eight neighbours, a source link and a sink link.

Push-relabel (Goldberg, Tarjan 1988, https://doi.org/10.1145/48014.61051), highest label first, with labels measured
afresh by breadth-first search and with the gap rule (Cherkassky, Goldberg 1997, https://doi.org/10.1007/PL00009180).
It runs **in shells**: at first only excess next to the sink moves, then only excess up to a depth that grows, by a half
at a time while it is small and by an eighth when it is large. What is near fills the narrow places, so that what lies
behind them is mostly found cut off without having moved at all. On graphs of photographs this takes a fourth to a
sixth of the time of the same method without shells.

Capacities are whole numbers: conservation and saturation are exact, and any flow is a fair start.

A grid of ``(height, width)`` nodes has a frame of one unlinked node around it, so that no neighbour needs a test; the
frame at the end of a row is that at the start of the next. Node
``(y, x)`` is ``(y + 1) * stride + x + 1`` where ``stride = width + 1``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel

DIRECTIONS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, 1), (-1, 1), (1, -1))
"""Steps ``(dy, dx)`` to the eight neighbours; ``d ^ 1`` is the way back from ``d``."""

FAR = 2**28 - 1
"""The distance of a node from which the sink cannot be reached. No grid has so many nodes."""

_NONE = -1  # ends a list of nodes
_BLOCK = 1024  # nodes that are in the cache together


class Grid(NamedTuple):
    """A grid and its residuals, which `solve` updates in place. 45 bytes a node."""

    residual: NDArray[np.int32]
    """(8 nodes,): node by node, what may still flow to the neighbour in each direction, at least 0; 0 into and out of
    the frame."""
    exits: NDArray[np.uint8]
    """(nodes,): of each direction a bit, ``1 << d``, that is 1 where the residual is above 0; see `find_exits`."""
    excess: NDArray[np.int32]
    """(nodes,): what is left to send from the source (above 0), or what may still go to the sink (below 0)."""
    distance: NDArray[np.int32]
    """(nodes,): steps to the sink, or `FAR`."""
    next_active: NDArray[np.int32]
    """(nodes,): first the queue of the search, then the next in the list of active nodes of the same distance."""
    step: NDArray[np.uint64]
    """(8,): what to add to a node, modulo 2**64, to get its neighbours; unsigned, for Numba tests signed indices."""


class Shell(NamedTuple):
    """The distances up to some depth."""

    first: NDArray[np.int32]
    """(depth + 2,): the first in the list of active nodes of this distance, those with excess, or `_NONE`."""
    members: NDArray[np.int32]
    """(depth + 2,): how many nodes have this distance."""
    flags: NDArray[np.int32]
    """(1024,): below 0, of some nodes, where they have room to a sink and are none themselves."""


def make_shell(room: int) -> Shell:
    """A shell for distances that are less than `room` by two or more."""
    return Shell(np.empty(room, np.int32), np.empty(room, np.int32), np.empty(_BLOCK, np.int32))


def make_grid(height: int, width: int) -> Grid:
    """A grid of `height` by `width` nodes without links or excess, to be filled in before `solve`, see `find_exits`."""
    stride = width + 1
    nodes = (height + 2) * stride + 1
    return Grid(
        residual=np.zeros(8 * nodes, np.int32),
        exits=np.zeros(nodes, np.uint8),
        excess=np.zeros(nodes, np.int32),
        distance=np.zeros(nodes, np.int32),
        next_active=np.empty(nodes, np.int32),
        step=np.array([dy * stride + dx for dy, dx in DIRECTIONS], np.int64).astype(np.uint64),
    )


def source_side(grid: Grid, height: int, width: int) -> NDArray[np.bool_]:
    """``(height, width)``: which nodes of a solved grid are on the source's side of the cut."""
    stride = width + 1
    rows = grid.distance[stride + 1 : (height + 1) * stride + 1].reshape(height, stride)
    return np.asarray(rows[:, :width] == FAR)


def solve(grid: Grid) -> None:
    """Send as much as possible from the nodes with positive excess to those with negative excess.

    Any residuals and excesses are a fair start, in particular those of an earlier flow to which some excess was added.
    What cannot be sent stays where it is or where it was stopped: the flow is the change in the sum of the negative
    excesses. Afterwards ``grid.distance == FAR`` exactly at the nodes from which the sink cannot be reached: the
    largest source side of all minimum cuts. No excess or residual may pass 2**31 - 1 in size, whatever flows.

    Time depends on how far flow has to go: 0.1 to 0.5 microseconds a node for photographs. Lets other threads run.
    """
    depth, room = 2, 64
    while depth > 0:
        depth = solve_within(grid, make_shell(room), depth)
        room = 2 * depth


@kernel
def find_exits(residual: NDArray[np.int32], exits: NDArray[np.uint8]) -> None:
    """Write the exits that nodes with these residuals have, to be called when residuals have been filled in."""
    for i in range(len(exits)):
        found = np.int32(0)
        for direction in range(8):
            sign = np.int32(-residual[8 * i + direction] >> 31)  # all bits, or none
            found |= sign & np.int32(1 << direction)
        exits[i] = found


@kernel
def solve_within(grid: Grid, shell: Shell, depth: int) -> int:
    """Solve, from shells of this `depth` on. Returns 0 when done, or the depth of a shell for which `shell` is small.

    No depth is greater than the number of nodes.
    """
    while True:
        if depth + 2 > shell.first.size:
            return depth
        part = Shell(shell.first[: depth + 2], shell.members[: depth + 2], shell.flags)
        top, short = _relabel_all(grid, part)
        if top == 0 and not short:
            return 0
        if _discharge(grid, part, top, grid.excess.size // 2):
            depth += min(depth // 2 + 1, 20 + depth // 8)


@kernel
def _relabel_all(grid: Grid, shell: Shell) -> tuple[int, bool]:
    """Find the distances up to the depth of the `shell`, the global relabelling, and list the active nodes.

    Returns the greatest distance of an active node, 0 if there is none, and whether the search stopped short of some.

    The queue of the search is a list in ``grid.next_active`` that begins at node 0, which is of the frame. A node that
    has been searched from needs its place there no more, so that the lists of active nodes are made on the way.
    """
    _, exits, excess, distance, next_active, step = grid
    first, members, _ = shell
    first[:] = _NONE
    members[:] = 0
    depth = first.size - 2
    members[1], end = _find_neighbours_of_sinks(grid, shell.flags)
    top, short = 0, False
    node = last = np.uint64(0)
    while node != end:
        node = np.uint64(next_active[node])
        level = distance[node]
        members[level] += 1
        if level == depth:
            short = True
        else:
            for direction in range(8):  # without branches: few of them could be foreseen
                other = node + step[direction]
                before = distance[other]
                new = (before == FAR) & (exits[other] >> (direction ^ 1) & 1 != 0)
                distance[other] = np.int32(level + 1) if new else before
                next_active[end] = other
                end = other if new else end
        if excess[node] > 0:
            if level > top:
                top = int(level)
                first[top] = node
                next_active[last] = _NONE
            else:
                next_active[last] = node
            last = node
    next_active[last] = _NONE
    return top, short


@kernel
def _find_neighbours_of_sinks(grid: Grid, flags: NDArray[np.int32]) -> tuple[int, np.uint64]:
    """Give all nodes that may send to the sink the distance 1, and queue those that may send to one of them, at 2.

    Most sinks lie among other sinks and are nobody's way, so that it is quicker to ask all nodes than all sinks.
    Returns how many sinks there are, and the end of the queue.
    """
    _, exits, excess, distance, next_active, step = grid
    stride = int(step[3])
    stop = excess.size - stride - 1
    distance[: stride + 1] = FAR
    distance[stop:] = FAR
    end = np.uint64(0)
    sinks = 0
    for begin in range(stride + 1, stop, _BLOCK):
        size = min(_BLOCK, stop - begin)
        around = excess[begin - stride - 1 : begin + size + stride + 1]
        here, seen = _find_sinks(around, stride, exits[begin : begin + size], distance[begin : begin + size], flags)
        sinks += here
        if seen:
            for i in range(size):
                next_active[end] = begin + i
                end = np.uint64(begin + i) if flags[i] < 0 else end
    return sinks, end


@kernel
def _find_sinks(
    around: NDArray[np.int32],
    stride: int,
    exits: NDArray[np.uint8],
    distance: NDArray[np.int32],
    flags: NDArray[np.int32],
) -> tuple[int, bool]:
    """Start the distances of some nodes, and flag with a sign those that have room to a sink and are none themselves.

    The excess is given from the first's neighbour above on the left to the last's below on the right. In this form the
    loop is vectorised. Returns how many sinks there are, and whether any node is flagged.
    """
    size = len(distance)
    above, here, below = around[:], around[stride:], around[2 * stride :]
    a, b, c = above[:size], above[1 : size + 1], above[2 : size + 2]
    d, e, f = here[:size], here[1 : size + 1], here[2 : size + 2]
    g, h, i = below[:size], below[1 : size + 1], below[2 : size + 2]
    sinks, seen = np.int32(0), np.int32(0)
    for k in range(size):
        way = np.int32(exits[k])  # each of its bits, in turn, is moved to where the sign is
        room = np.int32(
            (d[k] & np.int32(way << 31)) | (f[k] & np.int32(way << 30))
            | (b[k] & np.int32(way << 29)) | (h[k] & np.int32(way << 28))
            | (a[k] & np.int32(way << 27)) | (i[k] & np.int32(way << 26))
            | (c[k] & np.int32(way << 25)) | (g[k] & np.int32(way << 24))
        )  # fmt: skip
        flag = np.int32(~e[k] & room)
        flags[k] = flag
        seen |= flag
        distance[k] = np.int32(1) if e[k] < 0 else (np.int32(2) if flag < 0 else np.int32(FAR))
        sinks = np.int32(sinks + (np.int32(1) if e[k] < 0 else np.int32(0)))
    return int(sinks), bool(seen < 0)


@kernel
def _discharge(grid: Grid, shell: Shell, top: int, budget: int) -> bool:
    """Push excess towards the sink until none is left in the shell (true), or after `budget` relabellings (false).

    One long function with plain local names: calls and records inside the loop double its time. For the same reason it
    relabels without a branch, and finds neighbours by constant offsets from three nodes in three rows.
    """
    residual, exits, excess, distance, next_active, step = grid
    first, members, _ = shell
    one, two, stride = np.uint64(1), np.uint64(2), step[3]
    beyond = first.size - 1
    ceiling = beyond  # the least distance that is out of reach
    while top > 0:
        head = first[top]
        if head == _NONE:
            top -= 1
            continue
        node = np.uint64(head)
        first[top] = next_active[node]
        height, left = top, excess[node]
        up, down = node - stride - one, node + stride - one
        while left > 0:
            straight = min(
                _way(residual[_link(node, 0)], distance[node - one], 0),
                _way(residual[_link(node, 1)], distance[node + one], 1),
                _way(residual[_link(node, 2)], distance[up + one], 2),
                _way(residual[_link(node, 3)], distance[down + one], 3),
            )
            diagonal = min(
                _way(residual[_link(node, 4)], distance[up], 4),
                _way(residual[_link(node, 5)], distance[down + two], 5),
                _way(residual[_link(node, 6)], distance[up + two], 6),
                _way(residual[_link(node, 7)], distance[down], 7),
            )
            lowest: Any = min(straight, diagonal)
            level: Any = np.int64(lowest >> np.uint32(3))
            direction: Any = np.int64(lowest & np.uint32(7))
            # If no neighbour one step down has room: relabel, to just above the lowest other one that has room.
            risen = min(max(height, level + 1), beyond)
            budget -= risen != height
            members[height] -= 1
            members[risen] += 1
            if members[height] == 0:  # a gap: nothing at this distance or beyond reaches the sink
                ceiling = min(ceiling, height)
            height = risen
            if height >= ceiling:
                distance[node] = FAR
                break
            distance[node] = height
            room = residual[_link(node, direction)]
            amount = min(left, room)
            other = node + step[direction]
            residual[_link(node, direction)] = room - amount
            residual[_link(other, direction ^ 1)] += amount
            exits[node] &= ~((1 if amount == room else 0) << direction)
            exits[other] |= 1 << (direction ^ 1)
            before = excess[other]
            excess[other] = before + amount
            if before <= 0 and before + amount > 0:
                next_active[other] = first[level]
                first[level] = other
                top = max(top, level)
            left -= amount
        excess[node] = left
        if budget < 0:
            return False
    return True


@kernel
def _link(node: Any, direction: Any) -> Any:
    """Where the residual of a node in a direction is."""
    return (node << np.uint64(3)) + np.uint64(direction)


@kernel
def _way(room: Any, distance: Any, direction: int) -> Any:
    """Orders the ways out of a node by the distance of where they lead to, those without room last; no branches."""
    full = np.uint32(np.int32(room - 1) >> 31)  # all bits, or none
    return np.uint32(np.uint32(np.uint32(distance) << np.uint32(3) | np.uint32(direction)) | full)
