"""The engine that suits the size of the image."""

from __future__ import annotations

from bgremove.engines.base import Engine, Segmentation
from bgremove.engines.exact import ExactEngine
from bgremove.engines.multiscale import MultiscaleEngine
from bgremove.types import Image, Mask

LIMIT = 1_000_000  # pixels: up to here `exact` takes two seconds at most, so that there is little to gain by less


class AutoEngine(Engine):
    """`exact` for an image of up to a million pixels, `multiscale` for a larger one.

    So an image of either kind takes about two seconds at most on one thread, and one that is small has the mask of
    ``cv2.grabCut``. What decides is the size of the image, not of its rect.
    """

    def __init__(self) -> None:
        self._small, self._large = ExactEngine(), MultiscaleEngine()

    def peak_bytes(self, pixels: int) -> int:
        """See `bgremove.engines.Engine.peak_bytes`."""
        return max(self._small.peak_bytes(min(pixels, LIMIT)), self._large.peak_bytes(pixels))

    def estimate_s(self, pixels: int) -> float:
        """See `bgremove.engines.Engine.estimate_s`."""
        return self._of(pixels).estimate_s(pixels)

    def follows(self, pixels: int) -> bool:
        """See `bgremove.engines.Engine.follows`."""
        return self._of(pixels).follows(pixels)

    def warm_up(self) -> None:
        """See `bgremove.engines.Engine.warm_up`."""
        self._large.warm_up()  # compiles side by side what both run
        self._small.warm_up()

    def segment(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Mask:
        """See `bgremove.engines.Engine.segment`."""
        return self.judge(image, labels, iterations=iterations, seed=seed, drawn=drawn).mask

    def judge(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Segmentation:
        """See `bgremove.engines.Engine.judge`."""
        return self._of(labels.size).judge(image, labels, iterations=iterations, seed=seed, drawn=drawn)

    def _of(self, pixels: int) -> Engine:
        return self._small if pixels <= LIMIT else self._large
