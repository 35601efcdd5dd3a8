"""Engines: how one image is segmented. One base class, one table of names."""

from __future__ import annotations

from collections.abc import Callable

from bgremove.engines._location import log_odds as log_odds
from bgremove.engines._location import warm_up_log_odds as warm_up_log_odds
from bgremove.engines._model import PRESETS as PRESETS
from bgremove.engines._model import Model as Model
from bgremove.engines._model import read_model as read_model
from bgremove.engines._overlap import measure_masks as measure_masks
from bgremove.engines._overlap import predict_overlap as predict_overlap
from bgremove.engines._overlap import seen_in as seen_in
from bgremove.engines._overlap import warm_up_overlap as warm_up_overlap
from bgremove.engines._session import model_threads as model_threads
from bgremove.engines.auto import AutoEngine
from bgremove.engines.base import Engine as Engine
from bgremove.engines.base import Segmentation as Segmentation
from bgremove.engines.exact import ExactEngine
from bgremove.engines.multiscale import MultiscaleEngine
from bgremove.engines.onnx import OnnxEngine
from bgremove.engines.opencv import OpenCVEngine
from bgremove.errors import UsageError

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
