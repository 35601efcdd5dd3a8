"""Files without compression whose end is zeros, which nothing but the picture tells of: it is black from there on."""

from __future__ import annotations

import struct
from typing import IO

import numpy as np
import PIL.Image

_COMPRESSION, _RAW = 259, 1
_MOST_OF_A_ROW = 0.9
_NEAREST = PIL.Image.Resampling.NEAREST


def breaks_off_in_black(image: PIL.Image.Image, file: IO[bytes]) -> bool:
    """Whether a loaded BMP, PNM or TIFF is black from within a row on, as what a broken download leaves.

    And the row before it is not, on that side: black borders and objects before black end otherwise.
    """
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(_COMPRESSION, _RAW) != _RAW:
        return False
    upwards = image.format == "BMP" and _is_stored_upwards(file)
    end = 0 if upwards else image.height - 1
    if any(image.resize((image.width, 1), box=(0, end, image.width, end + 1), resample=_NEAREST).tobytes()):
        return False  # as nearly all, without a copy of it
    rows = np.asarray(image)[:: -1 if upwards else 1]
    lit = np.flatnonzero(rows.reshape(len(rows), -1).any(axis=1))
    if len(lit) < 2:
        return False
    last, before = rows[lit[-1]].ravel(), rows[lit[-1] - 1].ravel()
    rest = before[np.flatnonzero(last)[-1] + 1 :]
    share = np.count_nonzero(rest) / max(1, len(rest))
    return bool(len(rest) > (1 - _MOST_OF_A_ROW) * len(last) and share > _MOST_OF_A_ROW)


def _is_stored_upwards(file: IO[bytes]) -> bool:
    file.seek(14)
    size, height = struct.unpack("<I4xi", file.read(12))
    return bool(size == 12 or height > 0)  # the oldest header has no sign
