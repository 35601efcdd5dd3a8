"""The user's own model says where the object is, and a graph cut says where it ends."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines import _band, _session, _warm_up
from bgremove.engines._boundary import find_band
from bgremove.engines._boxes import open_box
from bgremove.engines._compile import compiled_once
from bgremove.engines._energy import measure_beta
from bgremove.engines._model import Model
from bgremove.engines._session import Alpha
from bgremove.engines._subset import initialise_gmms, learn_gmms
from bgremove.engines.base import Engine, Segmentation
from bgremove.types import Foreground, Image, Label, Mask

_SURE = 0.95  # an answer as near as this to 1, or to 0, is certain
_CONVERGED = 0.005  # iterations end early when no greater share of the band changes its label
_ROWS = 200  # that the contrast is measured in, and the row below each


class OnnxEngine(Engine):
    """A neural network in ONNX, run by onnxruntime on the CPU; its edge refined in the pixels of the image.

    The model sees the box of open pixels with half as much again on each side, reduced to what it takes. Where it is
    sure, it decides. What it is not sure of, and a band around its boundary as wide as one of its pixels, is decided by
    a graph cut with the energy of GrabCut at full size (banded graph cuts: Lombaert, Sun, Grady, Xu 2005,
    https://doi.org/10.1109/ICCV.2005.81), whose colour models are learned from what the model says.

    Takes as long as the model does, in one thread, and 20 to 50 milliseconds more a megapixel. The model is loaded
    once a process, when it warms up or segments its first image, and is shared by all threads.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def peak_bytes(self, pixels: int) -> int:
        """See `bgremove.engines.Engine.peak_bytes`."""
        return _session.peak_bytes(self._model) + 24 * pixels + 2_000_000

    def shared_bytes(self) -> int:
        """See `bgremove.engines.Engine.shared_bytes`: the loaded model."""
        return _session.shared_bytes(self._model)

    def estimate_s(self, pixels: int) -> float:
        """See `bgremove.engines.Engine.estimate_s`. Models of the same input differ by ten times."""
        return _session.estimate_s(self._model) + 0.05e-6 * pixels

    def warm_up(self) -> None:
        """See `bgremove.engines.Engine.warm_up`. Starts a thread, which belongs to the runtime."""
        image, labels = _warm_up.make_picture()
        with compiled_once(_band.cut_windows):
            inside = labels == Label.PROBABLY_FOREGROUND
            _refine(image, labels, inside.astype(np.float32), 1, iterations=_warm_up.ITERATIONS, seed=0)
        self.segment(image, labels, iterations=1, seed=0)

    def segment(self, image: Image, labels: Mask, *, iterations: int, seed: int, drawn: bool = True) -> Mask:
        """See `bgremove.engines.Engine.segment`. No pixel need be certain, or start as background."""
        return self.judge(image, labels, iterations=iterations, seed=seed, drawn=drawn).mask

    def judge(
        self,
        image: Image,
        labels: Mask,
        *,
        iterations: int,
        seed: int,
        drawn: bool = True,  # noqa: ARG002
    ) -> Segmentation:
        """See `bgremove.engines.Engine.judge`: of which pixels the model was not sure."""
        box = open_box(labels)
        mask, answer = labels.copy(), np.where(labels & 1, np.uint8(255), np.uint8(0))
        if box.width == 0:
            return Segmentation(mask, answer)
        window = box.grown(box.width // 2, box.height // 2).clip(*labels.shape).slices
        part, open_part = np.ascontiguousarray(image[window]), labels[window]
        alpha = _session.estimate_alpha(self._model, part)
        scale = max(n / m for n, m in zip(open_part.shape, alpha.shape, strict=True))
        reach = math.ceil(scale) if scale > 1 else 0
        alpha = _resize(alpha, open_part.shape)
        foreground = _refine(part, open_part, alpha, reach, iterations=iterations, seed=seed)
        decided = open_part >= Label.PROBABLY_BACKGROUND
        np.copyto(mask[window], foreground + np.uint8(Label.PROBABLY_BACKGROUND), where=decided)
        np.copyto(answer[window], _certain_rounded(alpha), where=decided)
        return Segmentation(mask, answer)


def _resize(alpha: Alpha, shape: tuple[int, ...]) -> Alpha:
    height, width = shape
    how = cv2.INTER_AREA if alpha.size > height * width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=how), np.float32)


def _refine(image: Image, labels: Mask, alpha: Alpha, reach: int, *, iterations: int, seed: int) -> Foreground:
    """The foreground, where the open pixels that are not sure are decided by their colours."""
    foreground = np.asarray(alpha > 0.5)
    np.copyto(foreground, labels == Label.FOREGROUND, where=labels < Label.PROBABLY_BACKGROUND)
    if _is_uniform(foreground):
        return foreground
    unsure = find_band(foreground, np.ascontiguousarray(labels), reach) | _unsure(alpha, labels)
    beta = measure_beta(image, max(1, len(image) // _ROWS))
    gmms = initialise_gmms(image, foreground, seed)
    for _ in range(iterations):
        before = foreground.copy()
        gmms = learn_gmms(image, 0, foreground, gmms)
        _band.cut_band(image, foreground, unsure, gmms, beta)
        changed = np.count_nonzero(foreground != before)
        if changed <= _CONVERGED * np.count_nonzero(unsure) or _is_uniform(foreground):
            break
    return foreground


def _unsure(alpha: Alpha, labels: Mask) -> NDArray[np.bool_]:
    """The open pixels that the model has no certain answer for."""
    return np.asarray((alpha < _SURE) & (alpha > 1 - _SURE) & (labels >= Label.PROBABLY_BACKGROUND))


def _certain_rounded(alpha: Alpha) -> NDArray[np.uint8]:
    """0 to 255, and just these where the model is sure."""
    levels = np.arange(256)
    levels[levels < 255 * (1 - _SURE)], levels[levels > 255 * _SURE] = 0, 255
    return np.asarray(cv2.LUT(cv2.convertScaleAbs(alpha, alpha=255), levels.astype(np.uint8)), np.uint8)


def _is_uniform(foreground: Foreground) -> bool:
    return not foreground.any() or bool(foreground.all())
