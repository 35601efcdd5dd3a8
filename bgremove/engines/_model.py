"""The user's own model: which file it is, how it wants to see an image, and what it answers."""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from bgremove.errors import UsageError
from bgremove.paths import StrPath, display_name

Triple = tuple[float, float, float]
"""One number a channel, in the model's order of channels."""

_IMAGENET: tuple[Triple, Triple] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CHANNELS = ("RGB", "BGR")


@dataclass(frozen=True, slots=True)
class Convention:
    """What a family of models takes and gives; of a single one, the keys of the TOML file beside it."""

    size: int
    """Side of the square, in pixels, that an image is squeezed into; with `multiple`, its shorter side."""
    mean: Triple
    """Subtracted from samples of 0 to 1."""
    deviation: Triple
    """What the rest is divided by."""
    channels: str = "RGB"
    """Their order, RGB or BGR."""
    multiple: int = 0
    """If not 0, an image keeps its proportions, and its sides become multiples of this."""
    brightest: bool = False
    """Whether the brightest sample of an image counts as 1, and not 255."""
    sigmoid: bool = False
    """Whether the answer is logits, so that a sigmoid follows, unless the file has that built in."""


PRESETS = {
    # https://github.com/xuebinqin/U-2-Net, data_loader.py and u2net_test.py; `silueta` is a smaller u2net.
    "u2net": Convention(320, *_IMAGENET, brightest=True),
    "u2netp": Convention(320, *_IMAGENET, brightest=True),
    "silueta": Convention(320, *_IMAGENET, brightest=True),
    # https://github.com/xuebinqin/DIS, IS-Net/Inference.py
    "isnet": Convention(1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
    # https://github.com/ZhengPeng7/BiRefNet, README.md
    "birefnet": Convention(1024, *_IMAGENET, sigmoid=True),
    # https://github.com/ZHKKKe/MODNet, onnx/inference_onnx.py
    "modnet": Convention(512, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), multiple=32),
}
"""Families that people have weights of, and where what they take is written."""


@dataclass(frozen=True, slots=True)
class Model:
    """A file of weights, and how to use it; made by `read_model`."""

    path: str
    """Absolute."""
    digest: str
    """Of the file, in hexadecimal."""
    file_bytes: int
    convention: Convention


def read_model(name: StrPath) -> Model:
    """The model that ``PRESET=FILE`` or ``FILE`` names; of the latter, ``FILE`` with the suffix .toml tells the rest.

    Reads the whole file once, for its digest, and lets the runtime load it, to find out now that it can; then lets go
    of it. Nothing is ever downloaded.

    Raises `UsageError` if onnxruntime (extra ``onnx``) is not installed, if there is no such file or it is no model,
    and if the model is not of the shape that is asked for.
    """
    from bgremove.engines import _session  # noqa: PLC0415 - it needs this module

    text = os.fspath(name)
    preset, equals, file = text.partition("=")
    known = equals and preset in PRESETS
    path = Path(file if known else text)
    if "://" in text:
        raise UsageError(f"{text} is a URL: a model is read from a file here, which can be copied from there")
    if preset in PRESETS and not file and not os.path.isfile(text):
        raise UsageError(f"{text} names a preset only: write {preset}=FILE, with a file of yours: none is downloaded")
    content = _read(path)
    convention = PRESETS[preset] if known else _read_convention(path)
    model = Model(os.path.abspath(path), digest(content), len(content), convention)
    _session.check(model, content)
    return model


def digest(content: bytes) -> str:
    """Of a file's content, in hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        hint = f"; before a = only a preset may stand: {', '.join(PRESETS)}" if "=" in os.fspath(path) else ""
        raise UsageError(f"{display_name(path)}: the model cannot be read ({reason}){hint}") from error


def _read_convention(model: Path) -> Convention:
    """What the TOML file beside a model says."""
    path = model.with_suffix(".toml")
    name = display_name(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{display_name(model)}: what it takes is not known: write PRESET=FILE, with a preset out of "
            f"{', '.join(PRESETS)}, or {name} with size, mean and deviation"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{name}: it cannot be read as TOML ({error})") from error
    known = [field.name for field in fields(Convention)]
    missing = [field.name for field in fields(Convention) if field.default is MISSING and field.name not in given]
    if unknown := [key for key in given if key not in known]:
        raise UsageError(f"{name}: {', '.join(unknown)} is unknown; the keys are {', '.join(known)}")
    if missing:
        raise UsageError(f"{name}: {', '.join(missing)} is missing")
    types = get_type_hints(Convention)
    convention = Convention(**{key: _checked(name, key, value, types[key]) for key, value in given.items()})
    _check_values(name, convention)
    return convention


def _checked(name: str, key: str, value: Any, kind: Any) -> Any:
    """A value of a TOML file, if it is of the type of its field."""
    if kind == Triple:
        numbers = value if isinstance(value, list) else []
        if len(numbers) == len(get_args(kind)) and all(type(number) in {int, float} for number in numbers):
            return tuple(map(float, numbers))
        raise UsageError(f"{name}: {key} is {value!r}; it must be three numbers, as in [0.5, 0.5, 0.5]")
    if type(value) is not kind:
        raise UsageError(f"{name}: {key} is {value!r}; it must be of the kind {kind.__name__}")
    return value


def _check_values(name: str, convention: Convention) -> None:
    if not 8 <= convention.size <= 8192:
        raise UsageError(f"{name}: size is {convention.size}; it must lie between 8 and 8192")
    if not 0 <= convention.multiple <= convention.size:
        raise UsageError(f"{name}: multiple is {convention.multiple}; it must lie between 0 and the size")
    if 0 in convention.deviation:
        raise UsageError(f"{name}: deviation holds a 0, which nothing can be divided by")
    if convention.channels not in _CHANNELS:
        raise UsageError(f"{name}: channels is {convention.channels}; choose from {', '.join(_CHANNELS)}")
