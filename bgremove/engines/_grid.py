"""A rectangular grid of nodes, each with eight neighbours, a source link and a sink link, for `_maxflow`.

A grid of ``(height, width)`` nodes has a frame of one unlinked node around it, so that no neighbour needs a test; the
frame at the end of a row is that at the start of the next. Node
``(y, x)`` is ``(y + 1) * stride + x + 1`` where ``stride = width + 1``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel

DIRECTIONS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, 1), (-1, 1), (1, -1))
"""Steps ``(dy, dx)`` to the eight neighbours; ``d ^ 1`` is the way back from ``d``."""

STEP = 2**8
"""What a step towards the sink adds to a state: below it are the exits."""

FAR = 2**32 - STEP
"""The least state of a node from which the sink cannot be reached. No way is so long: it would have 16 million steps,
and wind through all of an image of more pixels than that."""


class Grid(NamedTuple):
    """A grid and its residuals, which `bgremove.engines._maxflow.solve` updates in place. 44 bytes a node."""

    residual: NDArray[np.int32]
    """(8 nodes,): node by node, what may still flow to the neighbour in each direction, at least 0; 0 into and out of
    the frame."""
    excess: NDArray[np.int32]
    """(nodes,): what is left to send from the source (above 0), or what may still go to the sink (below 0)."""
    state: NDArray[np.uint32]
    """(nodes,): `STEP` for each step to the sink, or `FAR`; and of each direction a bit, ``1 << d``, that is 1 where
    the residual is above 0, an exit: see `find_exits`."""
    next_active: NDArray[np.int32]
    """(nodes,): first the queue of the search, then the next in the list of active nodes of the same distance."""
    step: NDArray[np.uint64]
    """(8,): what to add to a node, modulo 2**64, to get its neighbours; unsigned, for Numba tests signed indices."""


def make_grid(height: int, width: int) -> Grid:
    """A grid of `height` by `width` nodes without links or excess, to be filled in before it is solved."""
    stride = width + 1
    nodes = (height + 2) * stride + 1
    return Grid(
        residual=_aligned(8 * nodes),
        excess=np.zeros(nodes, np.int32),
        state=np.zeros(nodes, np.uint32),
        next_active=np.empty(nodes, np.int32),
        step=np.array([dy * stride + dx for dy, dx in DIRECTIONS], np.int64).astype(np.uint64),
    )


def _aligned(size: int) -> NDArray[np.int32]:
    """Zeros of which each eight are in one cache line."""
    spare = np.zeros(size + 8, np.int32)
    first = -spare.ctypes.data % 32 // spare.itemsize
    return spare[first : first + size]


@kernel
def find_exits(residual: NDArray[np.int32], state: NDArray[np.uint32]) -> None:
    """Write the exits that nodes with these residuals have, to be called when residuals have been filled in."""
    for i in range(len(state)):
        found = np.int32(0)
        for direction in range(8):
            sign = np.int32(-residual[8 * i + direction] >> 31)  # all bits, or none
            found |= sign & np.int32(1 << direction)
        state[i] = found
