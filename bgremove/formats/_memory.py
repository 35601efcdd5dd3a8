"""Pillow's own memory, converted without a copy by the C data interface of Apache Arrow, while other threads run.

What Pillow offers besides (`tobytes`, and the array interface that rests on it) keeps all other threads waiting.
"""

from __future__ import annotations

import ctypes
from typing import Any

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from bgremove.rows import bands_of

_BAND = 2**20
"""Pixels, 4 bytes each, of a large image that are copied at a time: in one piece, and in the processor's cache."""


class _Array(ctypes.Structure):
    """The beginning of ``struct ArrowArray``."""


_Array._fields_ = [
    *((name, ctypes.c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
]
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def recoloured_samples(image: PIL.Image.Image, code: int, channels: int) -> NDArray[np.uint8]:
    """``(H, W, channels)`` of an image of mode RGB or RGBA, by one of OpenCV's ``COLOR_RGBA2`` codes."""
    image.load()
    core: Any = PIL.Image.core  # type: ignore[attr-defined]
    samples = np.empty((image.height, image.width, channels), np.uint8)
    bands = bands_of(image.height, image.width, min(_BAND, core.get_block_size() // 4))
    for band in bands:
        # What belongs to others (a file that is mapped) has no memory of Pillow's, and a large image has it in pieces.
        whole = len(bands) == 1 and not image.readonly
        part = image if whole else image.crop((0, band.start, image.width, band.stop))
        _, capsule = part.__arrow_c_array__()  # keeps the memory
        pixels = _Array.from_address(_pointer_of(capsule, b"arrow_array")).children[0].contents
        memory = (ctypes.c_uint8 * (part.height * part.width * 4)).from_address(pixels.buffers[1])
        cv2.cvtColor(np.ctypeslib.as_array(memory).reshape(part.height, part.width, 4), code, samples[band])
    return samples
