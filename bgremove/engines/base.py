"""What every engine is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.types import Image, Mask


class Segmentation(NamedTuple):
    """A mask, and what its engine can say of it."""

    mask: Mask
    alpha: NDArray[np.uint8] | None = None
    """(H, W): what a model answers, 0 (background) to 255 (object), and just these where it is sure, or labels are."""
    overlap: float | None = None
    """What its intersection over union with the truth will be about, if that was predicted."""


class Engine:
    """Segments one image. Stateless: one instance may serve many threads."""

    def peak_bytes(self, pixels: int) -> int:
        """Memory that `segment` takes at most, beyond image and labels, for images of up to so many `pixels`."""
        raise NotImplementedError

    def shared_bytes(self) -> int:
        """Memory beyond that which a process takes once, from `warm_up` on, for all its threads."""
        return 0

    def estimate_s(self, pixels: int) -> float:
        """About how many seconds `segment` takes for a photograph of so many `pixels`: one thread, five iterations.

        For planning only. The figures are means over photographs on the machine of `benchmarks/results/speed.json`;
        a single photograph may take three times as long or a third.
        """
        raise NotImplementedError

    def follows(self, pixels: int) -> bool:  # noqa: ARG002
        """Whether, in an image of so many `pixels`, `segment` follows an object that runs into a margin."""
        return False

    def warm_up(self) -> None:
        """Import, compile and run all that `segment` may call, so that no image has to wait for it."""
        raise NotImplementedError

    def segment(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Mask:
        """Decide every pixel that `labels` leaves open.

        Parameters
        ----------
        image : (H, W, 3) uint8
        labels : (H, W) uint8
            `Label` of every pixel, not modified. BACKGROUND and FOREGROUND are certain and stay. The two
            PROBABLY labels are where the search starts. At least one pixel is (probably) background and one
            (probably) foreground; the caller sees to that.
        iterations : int
            How often colour models and cut are refined in turn, at least 1. Time grows about linearly with it.
        seed : int
            Of the generator that starts the colour models, 0 to 2**31 - 1.
        drawn
            Whether the open pixels are those of a rect drawn around the object; else they are what a margin leaves, and
            the object may be anywhere in it. The margin is certain background, or, for an engine that follows an object
            into it, PROBABLY_BACKGROUND. The engines that give the mask of ``cv2.grabCut`` do without.

        Returns
        -------
        (H, W) uint8, where each open pixel is PROBABLY_BACKGROUND or PROBABLY_FOREGROUND.

        Raises `EngineError` if the engine cannot segment this image.
        """
        raise NotImplementedError

    def judge(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Segmentation:
        """What `segment` gives, and what more is known of it."""
        return Segmentation(self.segment(image, labels, iterations=iterations, seed=seed, drawn=drawn))
