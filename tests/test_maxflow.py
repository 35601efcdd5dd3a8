"""The max-flow kernel against scipy, and against the theorem: flow sent equals the value of the cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from bgremove.engines._grid import DIRECTIONS, FAR, STEP, Grid, find_exits, make_grid
from bgremove.engines._maxflow import solve

pytestmark = pytest.mark.pixels


def by_node(grid: Grid) -> np.ndarray:
    """``(nodes, 8)``: the residuals."""
    return grid.residual.reshape(-1, 8)


def random_grid(height: int, width: int, most_link: int, most_excess: int, seed: int) -> Grid:
    rng = np.random.default_rng(seed)
    grid = make_grid(height, width)
    inner = np.add.outer(np.arange(1, height + 1) * (width + 1), np.arange(1, width + 1))
    for y in range(height):
        for x in range(width):
            for d, (dy, dx) in enumerate(DIRECTIONS):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    by_node(grid)[inner[y, x], d] = rng.integers(0, most_link + 1)
    grid.excess[inner] = rng.integers(-most_excess, most_excess + 1, (height, width))
    find_exits(grid.residual, grid.state)
    return grid


def links_of(grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, end and residual of every link that has room."""
    start, direction = np.nonzero(by_node(grid))
    return start, start + grid.step.astype(np.int64)[direction], by_node(grid)[start, direction]


def greatest_flow(grid: Grid) -> int:
    nodes = grid.excess.size
    start, end, room = links_of(grid)
    sources, sinks = np.flatnonzero(grid.excess > 0), np.flatnonzero(grid.excess < 0)
    rows = np.concatenate([start, np.full(sources.size, nodes), sinks])
    columns = np.concatenate([end, sources, np.full(sinks.size, nodes + 1)])
    values = np.concatenate([room, grid.excess[sources], -grid.excess[sinks]]).astype(np.int32)
    graph = csr_matrix((values, (rows, columns)), shape=(nodes + 2, nodes + 2))
    return int(maximum_flow(graph, nodes, nodes + 1).flow_value)


def run(grid: Grid) -> int:
    """Solve, and tell the flow."""
    before = -np.minimum(grid.excess, 0).sum(dtype=np.int64)
    solve(grid)
    return int(before + np.minimum(grid.excess, 0).sum(dtype=np.int64))


def copy(grid: Grid) -> Grid:
    return Grid(*(array.copy() for array in grid))


def check_solved(before: Grid, after: Grid, flow: int) -> None:
    """Conservation at every node, no room across the cut, and cut value equal to flow."""
    net = after.excess.astype(np.int64) - before.excess  # what came over the links, negative if it left
    moved = by_node(before).astype(np.int64) - by_node(after)
    assert np.array_equal(net, -moved.sum(axis=1))
    nodes = np.arange(net.size)
    for d, step in enumerate(after.step.astype(np.int64)):
        linked = nodes[by_node(before)[:, d] + by_node(before)[:, d ^ 1] > 0]
        linked = linked[(linked + step >= 0) & (linked + step < net.size)]
        assert np.array_equal(moved[linked, d], -moved[linked + step, d ^ 1])
    assert (after.residual >= 0).all()
    assert np.array_equal(after.state % STEP, np.packbits(by_node(after) > 0, axis=1, bitorder="little")[:, 0])
    assert (after.excess[before.excess >= 0] >= 0).all()

    source = after.state >= FAR
    assert not (source & (after.excess < 0)).any()
    assert not (~source & (after.excess > 0)).any()
    start, end, room = links_of(before)
    across = source[start] & ~source[end]
    cut = room[across].sum() + before.excess[~source & (before.excess > 0)].sum()
    cut -= before.excess[source & (before.excess < 0)].sum()
    assert cut == flow
    start, end, _ = links_of(after)
    assert not (source[start] & ~source[end]).any()


grids = st.builds(
    random_grid,
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 20, 1000]), st.sampled_from([1, 4, 50, 3000]),
    st.integers(0, 2**32 - 1),
)  # fmt: skip


@given(grids)
@settings(max_examples=300, deadline=None)
def test_flow_is_the_greatest(grid: Grid) -> None:
    before = copy(grid)
    flow = run(grid)
    assert flow == greatest_flow(before)
    check_solved(before, grid, flow)


@given(grids, st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_goes_on_from_an_earlier_flow(grid: Grid, seed: int) -> None:
    solve(grid)
    inside = by_node(grid).any(axis=1)
    change = np.random.default_rng(seed).integers(-60, 61, grid.excess.size) * inside
    grid.excess[:] += change.astype(np.int32)
    before = copy(grid)
    flow = run(grid)
    assert flow == greatest_flow(before)
    check_solved(before, grid, flow)


@pytest.mark.parametrize(("link", "excess"), [(1, 1), (30, 4), (4, 30)])
def test_larger_grid(link: int, excess: int) -> None:
    grid = random_grid(90, 70, link, excess, seed=5)
    before = copy(grid)
    flow = run(grid)
    assert flow == greatest_flow(before)
    check_solved(before, grid, flow)
