"""Maximum flow on a grid, see `bgremove.engines._grid`.

Push-relabel (Goldberg, Tarjan 1988, https://doi.org/10.1145/48014.61051), highest label first, with labels measured
afresh by breadth-first search and with the gap rule (Cherkassky, Goldberg 1997, https://doi.org/10.1007/PL00009180).
It runs **in shells**: at first only excess next to the sink moves, then only excess up to a depth that grows, by a half
at a time while it is small and by an eighth when it is large. What is near fills the narrow places, so that what lies
behind them is mostly found cut off without having moved at all. On graphs of photographs this takes a fourth to a
sixth of the time of the same method without shells.

Capacities are whole numbers: conservation and saturation are exact, and any flow is a fair start.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._grid import FAR, STEP, Grid

_NONE = -1  # ends a list of nodes
_BLOCK = 1024  # nodes that are in the cache together


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


def solve(grid: Grid) -> None:
    """Send as much as possible from the nodes with positive excess to those with negative excess.

    Any residuals and excesses are a fair start, in particular those of an earlier flow to which some excess was added.
    What cannot be sent stays where it is or where it was stopped: the flow is the change in the sum of the negative
    excesses. Afterwards ``grid.state >= FAR`` exactly at the nodes from which the sink cannot be reached: the
    largest source side of all minimum cuts. No excess or residual may pass 2**31 - 1 in size, whatever flows.

    Time depends on how far flow has to go: 0.1 to 0.5 microseconds a node for photographs. Lets other threads run.
    """
    depth, room = 2, 64
    while depth > 0:
        depth = solve_within(grid, make_shell(room), depth)
        room = 2 * depth


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
    _, excess, state, next_active, step = grid
    first, members, _ = shell
    one, two, stride = np.uint64(1), np.uint64(2), step[3]
    first[:] = _NONE
    members[:] = 0
    depth = first.size - 2
    members[1], end = _find_neighbours_of_sinks(grid, shell.flags)
    top, short = 0, False
    node = last = np.uint64(0)
    while node != end:
        node = np.uint64(next_active[node])
        level = np.int64(state[node] // STEP)
        members[level] += 1
        if level == depth:
            short = True
        else:
            up, down, further = node - stride - one, node + stride - one, np.uint32((level + 2) * STEP - 1)
            end = _reach(state, next_active, up, 5, further, end)
            end = _reach(state, next_active, up + one, 3, further, end)
            end = _reach(state, next_active, up + two, 7, further, end)
            end = _reach(state, next_active, node - one, 1, further, end)
            end = _reach(state, next_active, node + one, 0, further, end)
            end = _reach(state, next_active, down, 6, further, end)
            end = _reach(state, next_active, down + one, 2, further, end)
            end = _reach(state, next_active, down + two, 4, further, end)
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
def _reach(
    state: NDArray[np.uint32], next_active: NDArray[np.int32], node: Any, back: int, further: Any, end: Any
) -> Any:
    """Give a node a distance, and queue it, if it has none and has room in the direction `back`; no branches."""
    before = state[node]
    new = before & (FAR | 1 << back) == FAR | 1 << back
    state[node] = np.uint32(before & further) if new else before
    next_active[end] = node
    return node if new else end


@kernel
def _find_neighbours_of_sinks(grid: Grid, flags: NDArray[np.int32]) -> tuple[int, np.uint64]:
    """Give all nodes that may send to the sink the distance 1, and queue those that may send to one of them, at 2.

    Most sinks lie among other sinks and are nobody's way, so that it is quicker to ask all nodes than all sinks.
    Returns how many sinks there are, and the end of the queue.
    """
    _, excess, state, next_active, step = grid
    stride = int(step[3])
    stop = excess.size - stride - 1
    state[: stride + 1] = FAR
    state[stop:] = FAR
    end = np.uint64(0)
    sinks = 0
    for begin in range(stride + 1, stop, _BLOCK):
        size = min(_BLOCK, stop - begin)
        around = excess[begin - stride - 1 : begin + size + stride + 1]
        here, seen = _find_sinks(around, stride, state[begin : begin + size], flags)
        sinks += here
        if seen:
            for i in range(size):
                next_active[end] = begin + i
                end = np.uint64(begin + i) if flags[i] < 0 else end
    return sinks, end


@kernel
def _find_sinks(
    around: NDArray[np.int32], stride: int, state: NDArray[np.uint32], flags: NDArray[np.int32]
) -> tuple[int, bool]:
    """Start the distances of some nodes, and flag with a sign those that have room to a sink and are none themselves.

    The excess is given from the first's neighbour above on the left to the last's below on the right. In this form the
    loop is vectorised. Returns how many sinks there are, and whether any node is flagged.
    """
    size = len(state)
    above, here, below = around[:], around[stride:], around[2 * stride :]
    a, b, c = above[:size], above[1 : size + 1], above[2 : size + 2]
    d, e, f = here[:size], here[1 : size + 1], here[2 : size + 2]
    g, h, i = below[:size], below[1 : size + 1], below[2 : size + 2]
    sinks, seen = np.int32(0), np.int32(0)
    for k in range(size):
        way = np.int32(state[k])  # each of its last bits, in turn, is moved to where the sign is
        room = np.int32(
            (d[k] & np.int32(way << 31)) | (f[k] & np.int32(way << 30))
            | (b[k] & np.int32(way << 29)) | (h[k] & np.int32(way << 28))
            | (a[k] & np.int32(way << 27)) | (i[k] & np.int32(way << 26))
            | (c[k] & np.int32(way << 25)) | (g[k] & np.int32(way << 24))
        )  # fmt: skip
        flag = np.int32(~e[k] & room)
        flags[k] = flag
        seen |= flag
        start = np.uint32(STEP) if e[k] < 0 else (np.uint32(2 * STEP) if flag < 0 else np.uint32(FAR))
        state[k] = np.uint32(way & (STEP - 1)) | start
        sinks = np.int32(sinks + (np.int32(1) if e[k] < 0 else np.int32(0)))
    return int(sinks), bool(seen < 0)


@kernel
def _discharge(grid: Grid, shell: Shell, top: int, budget: int) -> bool:
    """Push excess towards the sink until none is left in the shell (true), or after `budget` relabellings (false).

    One long function with plain local names: calls and records inside the loop double its time. For the same reason it
    relabels without a branch, and finds neighbours by constant offsets from three nodes in three rows.
    """
    residual, excess, state, next_active, step = grid
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
        height, left, exits = top, excess[node], state[node] & (STEP - 1)
        up, down = node - stride - one, node + stride - one
        while left > 0:
            straight = min(
                _way(residual[_link(node, 0)], state[node - one], 0),
                _way(residual[_link(node, 1)], state[node + one], 1),
                _way(residual[_link(node, 2)], state[up + one], 2),
                _way(residual[_link(node, 3)], state[down + one], 3),
            )
            diagonal = min(
                _way(residual[_link(node, 4)], state[up], 4),
                _way(residual[_link(node, 5)], state[down + two], 5),
                _way(residual[_link(node, 6)], state[up + two], 6),
                _way(residual[_link(node, 7)], state[down], 7),
            )
            lowest: Any = min(straight, diagonal)
            level: Any = np.int64(lowest // STEP)
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
                height = FAR // STEP
                break
            room = residual[_link(node, direction)]
            amount = min(left, room)
            other = node + step[direction]
            residual[_link(node, direction)] = room - amount
            residual[_link(other, direction ^ 1)] += amount
            exits &= ~((1 if amount == room else 0) << direction)
            state[other] |= np.uint32(1 << (direction ^ 1))
            before = excess[other]
            excess[other] = before + amount
            if before <= 0 and before + amount > 0:
                next_active[other] = first[level]
                first[level] = other
                top = max(top, level)
            left -= amount
        excess[node] = left
        state[node] = height * STEP + exits
        if budget < 0:
            return False
    return True


@kernel
def _link(node: Any, direction: Any) -> Any:
    """Where the residual of a node in a direction is."""
    return (node << np.uint64(3)) + np.uint64(direction)


@kernel
def _way(room: Any, state: Any, direction: int) -> Any:
    """Orders the ways out of a node by the distance of where they lead to, those without room last; no branches."""
    full = np.uint32(np.int32(room - 1) >> 31)  # all bits, or none
    return np.uint32(np.uint32(state & np.uint32(FAR)) | np.uint32(direction) | full)
