"""The values that every other module speaks of: image, mask, rect; and numbers as a caller gives them."""

from __future__ import annotations

from enum import IntEnum
from numbers import Real
from operator import index
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bgremove.errors import RectError, UsageError

Image = NDArray[np.uint8]
"""``(H, W, 3)`` uint8, BGR, C-contiguous."""

Mask = NDArray[np.uint8]
"""``(H, W)`` uint8 holding a `Label` for every pixel."""

Foreground = NDArray[np.bool_]
"""``(H, W)`` bool, true where the object is."""


MARGIN = 0.05
"""Fraction of each side that is taken for background, where nothing else is said."""


class Label(IntEnum):
    """OpenCV's four GrabCut labels, by value."""

    BACKGROUND = 0
    FOREGROUND = 1
    PROBABLY_BACKGROUND = 2
    PROBABLY_FOREGROUND = 3


class Rect(NamedTuple):
    """A rectangle in pixels; everything outside it is certain background."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def from_margin(cls, margin: float, height: int, width: int) -> Rect:
        """Rectangle that leaves out the fraction `margin` of each side, one pixel at least.

        Images with a side under three pixels have no inside; the rectangle then keeps the whole of that side.

        >>> Rect.from_margin(0.05, height=100, width=200)
        Rect(x=10, y=5, width=180, height=90)
        """
        if not 0 < margin < 0.5:
            raise UsageError(f"margin is {margin}; it must lie between 0 and 0.5, both excluded")
        x, y = (min(max(1, round(side * margin)), (side - 1) // 2) for side in (width, height))
        return cls(x, y, width - 2 * x, height - 2 * y)

    def clip(self, height: int, width: int) -> Rect:
        """The part of this rectangle that lies inside an image of `height` by `width` pixels.

        Raises `RectError` if no pixel is left.

        >>> Rect(-5, 2, 10, 4).clip(height=8, width=8)
        Rect(x=0, y=2, width=5, height=4)
        """
        left, top = max(0, self.x), max(0, self.y)
        right, bottom = min(width, self.x + self.width), min(height, self.y + self.height)
        if left >= right or top >= bottom:
            raise RectError(f"rect {tuple(self)} holds no pixel of the image, which is {width} x {height} pixels")
        return Rect(left, top, right - left, bottom - top)

    def grown(self, across: int, down: int) -> Rect:
        """The rectangle with so many pixels more on the left and on the right, above and below."""
        return Rect(self.x - across, self.y - down, self.width + 2 * across, self.height + 2 * down)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this rectangle in an ``(H, W, ...)`` array; the rect must lie inside it."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


class DrawnRect(Rect):
    """A rect that was drawn on an image, whose size is kept: on one of another size it means nothing.

    >>> DrawnRect(Rect(1, 2, 3, 4), height=10, width=20).check(10, 20)
    """

    image_size: tuple[int, int]
    """Height and width."""

    def __new__(cls, rect: Rect, height: int, width: int) -> Self:
        """A `rect` of an image of `height` by `width` pixels."""
        drawn = tuple.__new__(cls, rect)
        drawn.image_size = height, width
        return drawn

    def __reduce__(self) -> tuple[Any, ...]:
        """For workers elsewhere."""
        return type(self), (Rect(*self), *self.image_size)

    def check(self, height: int, width: int) -> None:
        """Raise `RectError` if an image of `height` by `width` pixels is another than it was drawn on."""
        if (height, width) != self.image_size:
            drawn = "{1} x {0}".format(*self.image_size)
            raise RectError(
                f"rect {tuple(self)} was drawn on an image of {drawn} pixels, and this one has {width} x {height}: "
                "draw it anew, or take that size out of its line"
            )


def as_rect(value: Any) -> Rect:
    """`Rect` from any sequence of four whole numbers ``(x, y, width, height)``; `RectError` if it can hold no pixel."""
    try:
        x, y, width, height = value
        numbers = Rect(int(x), int(y), int(width), int(height))
        whole = numbers == (x, y, width, height)
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise RectError(f"rect is {value!r}; it must be four whole numbers: x, y, width, height")
    if min(numbers.width, numbers.height, numbers.x + numbers.width, numbers.y + numbers.height) < 1:
        raise RectError(f"rect {tuple(numbers)} holds no pixel of any image: width and height must be at least 1")
    return numbers


def as_whole(name: str, value: Any) -> int:
    """The whole number `value` of the option `name`, of whatever type has such; `UsageError` if it is none."""
    try:
        return index(value)
    except TypeError:
        raise UsageError(f"{name} is {value!r}; it must be a whole number") from None


def as_number(name: str, value: Any) -> float:
    """The number `value` of the option `name`; `UsageError` if it is none."""
    if not isinstance(value, Real):
        raise UsageError(f"{name} is {value!r}; it must be a number")
    return float(value)
