"""The mask of ``cv2.grabCut``, about twenty times faster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bgremove.engines import _gmm, _warm_up
from bgremove.engines._boxes import open_box
from bgremove.engines._compile import compiled_once, kernel
from bgremove.engines._energy import (
    COMPONENTS,
    OPEN,
    PARAMETERS,
    GMMs,
    link_neighbours,
    make_scratch,
    measure_beta,
    terminal_weights,
)
from bgremove.engines._grid import FAR, Grid, make_grid
from bgremove.engines._maxflow import solve
from bgremove.engines._palette import Counts
from bgremove.engines._subset import all_of, learn
from bgremove.engines.base import Engine
from bgremove.errors import EngineError
from bgremove.types import Image, Label, Mask, Rect


class ExactEngine(Engine):
    """GrabCut (Rother, Kolmogorov, Blake 2004, https://doi.org/10.1145/1015706.1015720), solved by our own kernels.

    Minimises the energy of ``cv2.grabCut`` from the same start. A minimum cut is unique but for ties, so the mask is
    the same. 0.2 to 1.2 microseconds a pixel for five iterations of a photograph, on one thread; other threads run
    meanwhile. The first call on a machine compiles for some seconds and says so on stderr.

    Memory: 48 bytes a pixel of the open pixels' bounding box, 9 a distinct colour in it, and 4 a colour that is around
    it only, since the background is learned from all of the image. For a photograph that is at most 64 a pixel of a box
    that covers a tenth of it or more.
    """

    def peak_bytes(self, pixels: int) -> int:
        """See `bgremove.engines.Engine.peak_bytes`."""
        return 57 * pixels + 500_000  # the constant is for tables, and for the frame of the grid

    def estimate_s(self, pixels: int) -> float:
        """See `bgremove.engines.Engine.estimate_s`."""
        return 0.45e-6 * pixels

    def warm_up(self) -> None:
        """See `bgremove.engines.Engine.warm_up`."""
        with compiled_once(update_labels):
            self.segment(*_warm_up.make_picture(), iterations=_warm_up.ITERATIONS, seed=0)

    def segment(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Mask:  # noqa: ARG002
        """See `bgremove.engines.Engine.segment`.

        Raises `EngineError` where the colours of a component have no density, as ``cv2.grabCut`` does.
        """
        if labels.max() < Label.PROBABLY_BACKGROUND:
            return labels.copy()
        box, open_pixels = _minimise(
            np.ascontiguousarray(image), np.ascontiguousarray(labels), iterations=iterations, seed=seed
        )
        mask = labels.copy()
        decided = open_pixels % 2 + Label.PROBABLY_BACKGROUND
        np.copyto(mask[box.slices], decided, where=open_pixels >= 0, casting="unsafe")
        return mask


def _minimise(image: Image, labels: Mask, *, iterations: int, seed: int) -> tuple[Rect, NDArray[np.int32]]:
    """The box of the open pixels and, packed, their last labels, see `pack_open_pixels`."""
    box = open_box(labels)
    gmms, subset = np.zeros((2, COMPONENTS, PARAMETERS)), all_of(image, labels)
    if learn(image, 0, labels, labels, 1, gmms, seed, subset):
        raise EngineError(_gmm.SINGULAR)
    codes, colours, counts = subset.codes.reshape(labels.shape), subset.colours, (subset.background, subset.foreground)
    del subset

    # From here on only the box counts: what lies around it is in `counts` for good.
    open_pixels = np.empty((box.height, box.width), np.int32)
    pack_open_pixels(codes, labels, box, open_pixels)
    del codes
    grid = make_grid(box.height, box.width)
    link_neighbours(grid, image, 0, labels, box, measure_beta(image), np.empty(box.width + 2, np.int32))
    weights = np.zeros(len(counts[1]), np.int32)

    for iteration in range(iterations):
        learned = _gmm.learn(_gmm.assign_components(colours, counts, gmms))
        if iteration > 0 and np.array_equal(learned, gmms):
            break  # a fixed point: the same models give the same cut
        gmms = learned
        construct_graph(grid, open_pixels, colours, gmms, weights, make_scratch())
        solve(grid)
        update_labels(grid, open_pixels, counts)
    return box, open_pixels


@kernel
def pack_open_pixels(codes: NDArray[np.int32], labels: Mask, box: Rect, open_pixels: NDArray[np.int32]) -> None:
    """Of each pixel in the `box`: twice the code of its colour, and 1 more in the foreground; -1 if it is certain."""
    for y in range(box.height):
        for x in range(box.width):
            v, u = box.y + y, box.x + x
            open_pixels[y, x] = 2 * codes[v, u] + (labels[v, u] & 1) if labels[v, u] >= OPEN else -1


@kernel
def construct_graph(
    grid: Grid,
    open_pixels: NDArray[np.int32],
    colours: NDArray[np.uint8],
    gmms: GMMs,
    weights: NDArray[np.int32],
    scratch: NDArray[np.float64],
) -> None:
    """Write the terminal `weights` of the colours, and give them to the open pixels in place of the earlier ones.

    The flow is kept (Kohli, Torr 2007, https://doi.org/10.1109/TPAMI.2007.1128).
    """
    add_terminal_weights(grid, open_pixels, weights, -1)
    terminal_weights(colours, gmms, weights, scratch)
    add_terminal_weights(grid, open_pixels, weights, 1)


@kernel
def add_terminal_weights(grid: Grid, open_pixels: NDArray[np.int32], weights: NDArray[np.int32], sign: int) -> None:
    """Add the weight of its colour's link to source or sink, times `sign`, to the excess of each open pixel."""
    for y in range(open_pixels.shape[0]):
        node = (y + 1) * (open_pixels.shape[1] + 1) + 1
        for x in range(open_pixels.shape[1]):
            if open_pixels[y, x] >= 0:
                grid.excess[node + x] += sign * weights[open_pixels[y, x] >> 1]


@kernel
def update_labels(grid: Grid, open_pixels: NDArray[np.int32], counts: Counts) -> None:
    """Label the open pixels by the source's and the sink's side of the cut, and keep the `counts` of colours true."""
    for y in range(open_pixels.shape[0]):
        node = (y + 1) * (open_pixels.shape[1] + 1) + 1
        for x in range(open_pixels.shape[1]):
            code, before = open_pixels[y, x] >> 1, open_pixels[y, x] & 1
            after = 1 if grid.state[node + x] >= FAR else 0
            if open_pixels[y, x] >= 0 and before != after:
                open_pixels[y, x] ^= 1
                counts[after][code] += 1
                counts[before][code] -= 1
