"""The reference engine: OpenCV's own GrabCut."""

from __future__ import annotations

import cv2
import numpy as np

from bgremove.engines import _warm_up
from bgremove.engines.base import Engine
from bgremove.errors import EngineError
from bgremove.types import Image, Mask


class OpenCVEngine(Engine):
    """``cv2.grabCut`` (Rother, Kolmogorov, Blake 2004, https://doi.org/10.1145/1015706.1015720).

    Seconds per megapixel, about 204 bytes a pixel, one thread but for its k-means. Releases the GIL.
    Starting from a rect and starting from a mask are the same computation, once the rect is written into the mask.
    """

    def peak_bytes(self, pixels: int) -> int:
        """See `bgremove.engines.Engine.peak_bytes`."""
        return 204 * pixels

    def estimate_s(self, pixels: int) -> float:
        """See `bgremove.engines.Engine.estimate_s`."""
        return 5e-6 * pixels

    def warm_up(self) -> None:
        """See `bgremove.engines.Engine.warm_up`."""
        self.segment(*_warm_up.make_picture(), iterations=_warm_up.ITERATIONS, seed=0)

    def segment(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Mask:  # noqa: ARG002
        """See `bgremove.engines.Engine.segment`. Reseeds OpenCV's generator of the calling thread."""
        mask = labels.copy()
        models = np.zeros((2, 1, 65))
        # k-means draws from a generator that belongs to the thread: without a seed right here, a mask would
        # depend on what this thread had segmented before.
        cv2.setRNGSeed(seed)
        try:
            cv2.grabCut(image, mask, (0, 0, 0, 0), models[0], models[1], iterations, cv2.GC_INIT_WITH_MASK)
        except cv2.error as error:
            raise EngineError(f"cv2.grabCut failed: {error.err or error}") from error
        return mask
