"""The mask of ``cv2.grabCut``, several times faster."""

from __future__ import annotations

import numpy as np

from bgremove.engines import _gmm, _grid, _maxflow
from bgremove.engines._compile import announce
from bgremove.engines._palette import make_palette, tally
from bgremove.errors import EngineError
from bgremove.types import Foreground, GrabCutSettings, Image, Label, Mask


class ExactEngine:
    """GrabCut (Rother, Kolmogorov, Blake 2004, https://doi.org/10.1145/1015706.1015720), solved by our own kernels.

    Minimises the energy of ``cv2.grabCut`` from the same start. A minimum cut is unique but for ties, so the mask is
    the same. One thread. Releases the GIL.
    """

    bytes_per_pixel = 64

    def segment(self, image: Image, labels: Mask, settings: GrabCutSettings) -> Mask:
        """See `bgremove.engines.Engine.segment`."""
        foreground = (labels & 1).astype(np.bool_)
        still = labels < Label.PROBABLY_BACKGROUND
        if still.all():
            return labels.copy()
        announce(_maxflow.solve)
        try:
            self._iterate(np.ascontiguousarray(image), still, foreground, settings)
        except ValueError as error:
            raise EngineError(str(error)) from error
        return np.where(still, labels, foreground + np.uint8(Label.PROBABLY_BACKGROUND))

    @staticmethod
    def _iterate(image: Image, still: Foreground, foreground: Foreground, settings: GrabCutSettings) -> None:
        palette = make_palette(image)
        colours, codes = palette
        counts = tally(palette, foreground)
        moments = _gmm.start(palette, counts, foreground, settings.seed)
        mixtures = _gmm.learn(moments)
        window = _grid.window_of(still)
        grid = _maxflow.make_grid(window.height, window.width)
        _grid.link(grid, image, window, still, foreground)
        open_ = np.zeros(len(colours), np.bool_)
        open_[codes[~still]] = True
        units, change = np.zeros((2, len(colours)), np.int32)
        for iteration in range(settings.iterations):
            _gmm.assign(colours, counts, mixtures, moments)
            before, mixtures = mixtures, _gmm.learn(moments)
            if iteration > 0 and np.array_equal(mixtures, before):
                break  # a fixed point: the same mixtures give the same cut
            _gmm.prefer(colours, open_, mixtures, _grid.SURE, _grid.SCALE, units, change)
            _grid.pull(grid, window, codes, still, change)
            _maxflow.solve(grid)
            _grid.settle(grid, window, codes, still, foreground, counts)
