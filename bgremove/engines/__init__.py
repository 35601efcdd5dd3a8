"""Engines: how one image is segmented. One protocol, one table of names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bgremove.engines._location import log_odds as log_odds
from bgremove.engines._location import warm_up_log_odds as warm_up_log_odds
from bgremove.engines._model import PRESETS as PRESETS
from bgremove.engines._model import Model as Model
from bgremove.engines._model import read_model as read_model
from bgremove.engines._overlap import predict_overlap as predict_overlap
from bgremove.engines._overlap import told_by_colour as told_by_colour
from bgremove.engines._overlap import warm_up_overlap as warm_up_overlap
from bgremove.engines._session import model_threads as model_threads
from bgremove.engines.auto import AutoEngine
from bgremove.engines.exact import ExactEngine
from bgremove.engines.multiscale import MultiscaleEngine as MultiscaleEngine
from bgremove.engines.onnx import OnnxEngine as OnnxEngine
from bgremove.engines.opencv import OpenCVEngine
from bgremove.errors import UsageError
from bgremove.types import Image, Mask


class Engine(Protocol):
    """Segments one image. Stateless: one instance may serve many threads."""

    def peak_bytes(self, pixels: int) -> int:
        """Memory that `segment` takes at most, beyond image and labels, for images of up to so many `pixels`."""
        ...

    def estimate_s(self, pixels: int) -> float:
        """About how many seconds `segment` takes for a photograph of so many `pixels`: one thread, five iterations.

        For planning only. The figures are means over photographs on the machine of `benchmarks/results/speed.json`;
        a single photograph may take three times as long or a third.
        """
        ...

    def warm_up(self) -> None:
        """Import, compile and run all that `segment` may call, so that no image has to wait for it."""
        ...

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
            the object may be anywhere in it. The engines that give the mask of ``cv2.grabCut`` do without.

        Returns
        -------
        (H, W) uint8, where each open pixel is PROBABLY_BACKGROUND or PROBABLY_FOREGROUND.

        Raises `EngineError` if the engine cannot segment this image.
        """
        ...


_CLASSES: dict[str, Callable[[], Engine]] = {
    "opencv": OpenCVEngine,
    "exact": ExactEngine,
    "multiscale": MultiscaleEngine,
    "auto": AutoEngine,
}
_WITH_MODEL: dict[str, Callable[[Model], Engine]] = {"onnx": OnnxEngine}

WITHOUT_MODEL = tuple(_CLASSES)
"""Names that `make_engine` knows, of those that need nothing else."""

ENGINES = (*WITHOUT_MODEL, *_WITH_MODEL)
"""All names that `make_engine` knows."""

DEFAULT_ENGINE = "multiscale"


def make_engine(name: str, model: Model | None = None) -> Engine:
    """The engine called `name`, with the `model` that `onnx` needs and no other takes; costs nothing.

    Raises `UsageError` for another name, and where a model is missing or too much.
    """
    if name not in ENGINES:
        raise UsageError(f"there is no engine {name!r}; choose one of {', '.join(ENGINES)}")
    if name in _WITH_MODEL:
        if model is None:
            raise UsageError(f"engine {name!r} needs a model: PRESET=FILE, with a preset out of {', '.join(PRESETS)}")
        return _WITH_MODEL[name](model)
    if model is not None:
        raise UsageError(f"engine {name!r} uses no model; choose {' or '.join(_WITH_MODEL)} for that")
    return _CLASSES[name]()
