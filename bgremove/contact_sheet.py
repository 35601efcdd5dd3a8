"""A picture of many cutouts, so that a folder can be judged at a glance."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

from bgremove.cutout import Cutout
from bgremove.formats import Photo, high_byte
from bgremove.types import Image

MOST_IMAGES = 240
"""A sheet with more would have more rows than a WebP may, and take more than 60 MB of memory."""

_TILE, _GAP, _LABEL, _COLUMNS = 150, 4, 20, 3  # pixels, but for the columns
_SQUARE = 8
_FONT_SIZE = 12
_PAPER, _INK, _ALARM, _EMPTY = (255, 255, 255), (40, 40, 40), (200, 0, 0), (235, 235, 235)
_STRIP = 3 * _TILE + 2 * _GAP
_CELL = (_STRIP + 4 * _GAP, _TILE + _LABEL + 2 * _GAP)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a sheet shows of an image."""

    name: str
    preview: bytes | None
    """As `preview` gives it; None if there is no cutout."""
    alarming: bool = False
    """Whether the name is red."""


def preview(photo: Photo, cutout: Cutout) -> bytes:
    """A small PNG: the photo, the mask, and the cutout on a checkerboard, side by side, all of the image.

    Some ms, whatever the size of the image: of one that is reduced much, some 16 pixels are looked at for each.
    """
    height, width = photo.image.shape[:2]
    scale = min(1.0, _TILE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    step = max(1, int(1 / scale) // 4)
    image, pixels, foreground = (array[::step, ::step] for array in (photo.image, cutout.image, cutout.foreground))
    pixels = high_byte(pixels)
    alpha = pixels[..., 3:] / np.float32(255)
    share = _reduced(alpha, size)[..., None]
    front = _reduced(pixels[..., :3] * alpha, size)
    mask = _reduced(foreground * np.float32(255), size)[..., None].repeat(3, axis=2)
    strip = np.full((_TILE, _STRIP, 3), 255, np.uint8)
    behind = (1 - share) * _checkerboard(size[1], size[0])[..., None]
    for index, tile in enumerate((_reduced(image, size), mask, front + behind)):
        top, left = (_TILE - size[1]) // 2, index * (_TILE + _GAP) + (_TILE - size[0]) // 2
        strip[top : top + size[1], left : left + size[0]] = np.clip(np.rint(tile), 0, 255)
    return cv2.imencode(".png", strip)[1].tobytes()


def contact_sheet(entries: Sequence[Entry]) -> Image:
    """All of the entries, at most `MOST_IMAGES`, three or fewer in a row, each with its name below it."""
    columns = max(1, math.ceil(len(entries) / max(1, math.ceil(len(entries) / _COLUMNS))))  # rows alike
    rows = -(-len(entries) // columns)
    sheet = PIL.Image.new("RGB", (columns * _CELL[0] + 4 * _GAP, max(1, rows) * _CELL[1] + 4 * _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    for index, entry in enumerate(entries):
        left, top = index % columns * _CELL[0] + 4 * _GAP, index // columns * _CELL[1] + 4 * _GAP
        if entry.preview is None:
            draw.rectangle((left, top, left + _STRIP - 1, top + _TILE - 1), _EMPTY)
        else:
            with PIL.Image.open(io.BytesIO(entry.preview), formats=("PNG",)) as strip:
                sheet.paste(strip, (left, top))
        name = _fitting(entry.name, font)
        draw.text((left, top + _TILE + _GAP), name, _ALARM if entry.alarming else _INK, font)
    return np.asarray(cv2.cvtColor(np.asarray(sheet), cv2.COLOR_RGB2BGR), np.uint8)


def _reduced(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    return cv2.resize(np.ascontiguousarray(array), size, interpolation=cv2.INTER_AREA)


def _checkerboard(height: int, width: int) -> NDArray[np.uint8]:
    squares = np.add.outer(np.arange(height) // _SQUARE, np.arange(width) // _SQUARE) % 2
    return np.where(squares, 255, 204).astype(np.uint8)


def _fitting(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """`name` in the letters that the font has, others as escapes; if it is too long, its end."""
    drawn = name.encode("ascii", "backslashreplace").decode("ascii")
    cut = ""
    while drawn and font.getlength(cut + drawn) > _STRIP:
        drawn, cut = drawn[max(1, len(drawn) // 20) :], "..."
    return cut + drawn
