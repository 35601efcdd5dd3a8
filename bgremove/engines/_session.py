"""A model in the runtime: loaded once a process, shared by its threads, run on images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._model import Model, digest
from bgremove.errors import EngineError, UsageError
from bgremove.forks import lock_before_forks
from bgremove.overrides import Override
from bgremove.paths import display_name
from bgremove.types import Image

Alpha = NDArray[np.float32]
"""``(h, w)``, 0 to 1: how sure a model is that a pixel is object."""

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_BEYOND = 0.1  # how far an answer may lie outside of 0 to 1 and still be taken for one that lies in it
_FATAL = 4  # the only severity that the runtime logs by itself; errors are raised

_SATURATED = 50  # a logit beyond which the sigmoid is 0 or 1 in single precision
_COPIES = 6  # of the file; one in half precision is doubled as it is loaded, and laid out anew
_BYTES_PER_SAMPLED_PIXEL = 1000  # of what lies between the layers of an isnet; others take a half to five times that
_S_PER_SAMPLED_PIXEL = 3e-6  # of an isnet
_PROPORTIONS = 1.5  # of a photograph

_loading = lock_before_forks()
_threads = 1


def _set_threads(count: int) -> None:
    global _threads  # noqa: PLW0603 - like the number of OpenCV's threads, it belongs to the process
    _threads = count


_thread_count = Override(lambda: _threads, _set_threads)


@contextmanager
def model_threads(count: int) -> Iterator[None]:
    """Models that are run in the block have so many threads each of this process, by default one.

    When it is left, models are unloaded, and those run later have as many as before.
    """
    try:
        with _thread_count(count):
            yield
    finally:
        with _loading:
            _load.cache_clear()


def estimate_alpha(model: Model, image: Image) -> Alpha:
    """How sure the model is of each pixel, at the size that it answers in; see `Alpha`.

    Loads the model at the first call in this process. Raises `EngineError` if it cannot be run or answers nonsense.
    """
    session = load(model)
    (given,) = session.get_inputs()
    pixels = _as_input(model, image, given.shape[2:]).astype(_TYPES[given.type])
    try:
        (answer,) = session.run([session.get_outputs()[0].name], {given.name: pixels})
    except Exception as error:  # errors of the runtime have no class of their own
        raise EngineError(f"{display_name(model.path)}: the model cannot be run: {_first_line(error)}") from error
    return _as_alpha(model, answer)


def load(model: Model) -> Any:
    """The model's session, of which there is one in this process.

    Raises `EngineError` if the file is another than it was.
    """
    with _loading:
        return _load(model, _threads)


@lru_cache(maxsize=1)
def _load(model: Model, threads: int) -> Any:
    try:
        content = Path(model.path).read_bytes()
    except OSError as error:
        raise EngineError(f"{display_name(model.path)}: the model cannot be read ({error.strerror})") from error
    if digest(content) != model.digest:
        raise EngineError(f"{display_name(model.path)}: the model has changed since this run began: start it again")
    return _make_session(_runtime(), content, threads, optimised=True)


def check(model: Model, content: bytes) -> None:
    """Raise `UsageError` if the runtime is missing, or cannot load a file's content, or that is not as `model` says."""
    runtime, name = _runtime(), display_name(model.path)
    try:
        session = _make_session(runtime, content, 1, optimised=False)
    except Exception as error:  # as above
        raise UsageError(
            f"{name}: it cannot be loaded as an ONNX model; is it one, whole, with its weights in this one file? "
            f"({_first_line(error)})"
        ) from error
    if fault := _find_fault(session.get_inputs(), session.get_outputs(), model):
        raise UsageError(f"{name}: {fault}")


def _runtime() -> Any:
    """The library, which starts a thread as it is imported."""
    try:
        import onnxruntime  # noqa: PLC0415 - optional, and others should not pay for it
    except ImportError as error:
        raise UsageError("models need onnxruntime; install it with: pip install 'bgremove[onnx]'") from error
    return onnxruntime


def _make_session(runtime: Any, content: bytes, threads: int, *, optimised: bool) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # they wait without using a CPU
    options.enable_mem_pattern = False  # the second image would take as much memory again as the first
    options.log_severity_level = _FATAL
    if not optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _find_fault(inputs: Sequence[Any], outputs: Sequence[Any], model: Model) -> str:
    """Why a model with these inputs and outputs is none for this; nothing if it is one."""
    size = model.convention.size
    wanted = f"it must be one image of 1 x 3 x {size} x {size}"
    if len(inputs) != 1:
        return f"the model takes {len(inputs)} inputs; {wanted}"
    (given,) = inputs
    sides = () if model.convention.multiple else (size, size)
    if not _fits(given.shape, (1, 3, *sides)) or len(given.shape) != 4:
        return f"the model takes {_shown(given.shape)}; {wanted}: is it of another family?"
    if given.type not in _TYPES:
        return f"the model takes {given.type}; it must be one of {', '.join(_TYPES)}"
    answer = outputs[0].shape
    if answer and not (len(answer) == 4 and _fits(answer, (1, 1))) and not (len(answer) == 3 and _fits(answer, (1,))):
        return f"the model answers {_shown(answer)}; its first output must be 1 x 1 x height x width"
    return ""


def _fits(shape: Sequence[int | str | None], wanted: Sequence[int]) -> bool:
    """Whether the first sides are as wanted, as far as the model says what they are."""
    return len(shape) >= len(wanted) and all(
        not isinstance(side, int) or side == number for side, number in zip(shape, wanted, strict=False)
    )


def _shown(shape: Sequence[int | str | None]) -> str:
    return " x ".join("?" if side is None else str(side) for side in shape) or "a number"


def _as_input(model: Model, image: Image, sides: Sequence[int | str | None]) -> NDArray[np.float32]:
    """``(1, 3, h, w)``, as the model wants to see an image; `sides` are those it was exported with."""
    taken = model.convention
    height, width = _input_size(model, image.shape)
    height, width = (side if isinstance(side, int) else own for side, own in zip(sides, (height, width), strict=True))
    shrinks = height * width < image.shape[0] * image.shape[1]
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if taken.channels == "RGB":
        small = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
    highest = max(1, int(small.max())) if taken.brightest else 255
    samples = (small / np.float32(highest) - np.array(taken.mean, np.float32)) / np.array(taken.deviation, np.float32)
    return np.ascontiguousarray(samples.transpose(2, 0, 1)[None], np.float32)


def _input_size(model: Model, shape: Sequence[int]) -> tuple[int, int]:
    """Height and width that an image of this shape is given to the model in."""
    size, multiple = model.convention.size, model.convention.multiple
    if not multiple:
        return size, size
    scale = size / min(shape[:2])
    height, width = (max(multiple, round(side * scale / multiple) * multiple) for side in shape[:2])
    return height, width


def _as_alpha(model: Model, answer: NDArray[Any]) -> Alpha:
    values: Alpha = np.asarray(answer, np.float32).squeeze()
    name, low, high = display_name(model.path), float(values.min()), float(values.max())
    if values.ndim != 2:
        raise EngineError(f"{name}: the model answers {_shown(answer.shape)}; it must be 1 x 1 x height x width")
    if not np.isfinite(low + high):
        raise EngineError(f"{name}: the model's answer holds values that are no numbers")
    if low < -_BEYOND or high > 1 + _BEYOND:
        if not model.convention.sigmoid:
            raise EngineError(f"{name}: the model answers {low:.3g} to {high:.3g}, not 0 to 1: it needs sigmoid = true")
        return np.asarray(1 / (1 + np.exp(-np.clip(values, -_SATURATED, _SATURATED))), np.float32)
    return np.asarray(np.clip(values, 0, 1), np.float32)


def peak_bytes(model: Model) -> int:
    """Memory that one run of the loaded model takes, beyond the image."""
    return _BYTES_PER_SAMPLED_PIXEL * _sampled_pixels(model)


def shared_bytes(model: Model) -> int:
    """Memory that the loaded model takes."""
    return _COPIES * model.file_bytes


def estimate_s(model: Model) -> float:
    """About how many seconds it takes for an image in one thread, if it is of a usual kind."""
    return _S_PER_SAMPLED_PIXEL * _sampled_pixels(model)


def _sampled_pixels(model: Model) -> int:
    """Of a usual image, as the model sees it."""
    return round(model.convention.size**2 * (_PROPORTIONS if model.convention.multiple else 1))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
