"""Soft edges: how much of each pixel near the boundary is object, and what colour the object has there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.matting import _closed_form
from bgremove.types import Foreground, Image

_LONG = 1024  # longer side of the largest image that matting is solved on, in pixels; lengths below are in its pixels
_REACHES = (4, 2, 1)  # half the width of the band; the lesser ones are for objects that a wide band would swallow
_FIT = 2  # half the side of the squares in which alpha is taken for a linear function of colour
_NOISE = 1e-4  # variance of colours from 0 to 1 that such a function does not follow
_FAR, _NEAR = 24, 5  # half the sides of the squares in which F and B are averaged
_TILE = 256  # side of the squares of the image that are worked on, if the band is there, in pixels of the image

EDGES = ("hard", "soft")
"""What the edge of a cutout may be: alpha 0 or 255 everywhere, or what `soften` gives."""

Plane = NDArray[np.float32]


def peak_bytes(pixels: int) -> int:
    """Memory that `soften` takes for an image of so many `pixels`; twice as much if there are boundaries all over."""
    return 500 * min(pixels, _LONG * _LONG) + 20 * pixels


def warm_up() -> None:
    """Import, compile and run what `soften` calls, so that no image has to wait for it."""
    image = np.zeros((24, 24, 3), np.uint8)
    image[8:16, 8:16] = 200
    soften(image, image[..., 0] > 0)


class Soft(NamedTuple):
    """A foreground with soft edges."""

    alpha: NDArray[np.uint8]
    """(H, W): 0 is background, 255 is object."""
    colours: Image
    """(H, W, 3), BGR: the image, but in the band as the object would look without the background shining through."""


class _Matte(NamedTuple):
    """What is known at the size that matting is solved on, where ``I = alpha F + (1 - alpha) B``."""

    band: Plane
    """(h, w): 1 in the band, else 0."""
    alpha: Plane
    """(h, w)."""
    fit: Plane
    """(h, w, 4): alpha as a linear function of colour, three factors and a constant."""
    f: Plane
    """(h, w, 3): F, the colour of the object nearby."""
    b: Plane
    """(h, w, 3): B, the colour of the background nearby."""


def soften(image: Image, foreground: Foreground, prior: NDArray[np.uint8] | None = None) -> Soft:
    """Alpha and object colours in a band around the boundary of a hard mask; elsewhere nothing changes.

    Closed-form matting (Levin, Lischinski, Weiss 2008, https://doi.org/10.1109/TPAMI.2007.1177), solved by PyMatting.
    A large image is reduced to a longer side of 1024 pixels for it; then alpha follows the colours of the large one
    (guided filter: He, Sun, Tang 2013, https://doi.org/10.1109/TPAMI.2012.213). Colours F of the object are averages
    nearby, corrected by what each pixel shows (after Forte, "Approximate fast foreground colour estimation", 2021).

    About one second a megapixel up to one megapixel, and a tenth of a second for each beyond. Some 500 MB. The first
    call on a machine takes some seconds more, to compile.

    Parameters
    ----------
    image : (H, W, 3) uint8
    foreground : (H, W) bool
        The band reaches 4 pixels to each side of its boundary, in a large image in proportion.
    prior : (H, W) uint8, optional
        What a model takes alpha for. The band takes in all that is neither 0 nor 255 there; where colours leave alpha
        open, as in glass in front of a plain wall, it is what the model says.

    Raises `UsageError` if PyMatting (extra ``soft``) is not installed, `EngineError` if it finds no solution.
    """
    alpha, colours = foreground * np.uint8(255), image.copy()
    scale = max(1.0, max(foreground.shape) / _LONG)
    matte = _solve(image, alpha, scale, prior)
    if matte is None:
        return Soft(alpha, colours)
    for tile in _tiles(matte.band, foreground.shape):
        whole = (foreground.shape, tile)
        inside = _part(matte.band, *whole) >= 0.5
        pixels = np.asarray(image[tile] / np.float32(255), np.float32)
        if scale > 1:
            fit = _part(matte.fit, *whole)
            alphas = np.clip((fit[..., :3] * pixels).sum(axis=-1) + fit[..., 3], 0, 1)
        else:
            alphas = matte.alpha[tile]
        f = _correct_f(pixels, alphas, _part(matte.f, *whole), _part(matte.b, *whole))
        np.copyto(alpha[tile], np.rint(alphas * 255).astype(np.uint8), where=inside)
        np.copyto(colours[tile], np.rint(f * 255).astype(np.uint8), where=inside[..., None])
    return Soft(alpha, colours)


def _solve(image: Image, alpha: NDArray[np.uint8], scale: float, prior: NDArray[np.uint8] | None) -> _Matte | None:
    """Matting at a smaller size; nothing if there is no boundary, or no `prior` and nothing but boundary."""
    height, width = (max(1, round(side / scale)) for side in alpha.shape)
    pixels = _reduce(image, height, width)
    hard = (_reduce(alpha, height, width) >= 0.5).astype(np.uint8)
    expected = None if prior is None else _reduce(prior, height, width)
    for reach in _REACHES:
        square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        band = cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, square).view(np.bool_)
        if expected is not None:
            band |= (expected > 0) & (expected < 1)
        known = hard[~band]
        if known.any() and not known.all():
            break
    else:
        if expected is None or not band.any():
            return None
    trimap = np.where(band, 0.5, hard)
    solved = _closed_form.estimate_alpha(pixels.astype(np.float64), trimap, expected).astype(np.float32)
    return _Matte(band.astype(np.float32), solved, _fit(pixels, solved), *_estimate_f_and_b(pixels, solved))


def _fit(pixels: Plane, alpha: Plane) -> Plane:
    """Linear functions of colour that come closest to `alpha` in the squares around each pixel, averaged."""
    mean, mean_alpha = _average(pixels, _FIT), _average(alpha, _FIT)
    products = _average((pixels[..., :, None] * pixels[..., None, :]).reshape(*alpha.shape, 9), _FIT)
    covariance = products.reshape(*alpha.shape, 3, 3) - mean[..., :, None] * mean[..., None, :]
    along_alpha = _average(pixels * alpha[..., None], _FIT) - mean * mean_alpha[..., None]
    regular = covariance + np.float32(_NOISE) * np.eye(3, dtype=np.float32)
    factors = np.linalg.solve(regular, along_alpha[..., None])[..., 0]
    constant = mean_alpha - (factors * mean).sum(axis=-1)
    return _average(np.dstack([factors, constant]), _FIT)


def _estimate_f_and_b(pixels: Plane, alpha: Plane) -> tuple[Plane, Plane]:
    """F and B around each pixel: averages far, corrected, then averages near."""
    f, b = _weighted(pixels, alpha, _FAR), _weighted(pixels, 1 - alpha, _FAR)
    f = _correct_f(pixels, alpha, f, b)
    return _weighted(f, alpha, _NEAR), _weighted(b, 1 - alpha, _NEAR)


def _correct_f(pixels: Plane, alpha: Plane, f: Plane, b: Plane) -> Plane:
    """Move F so that ``alpha F + (1 - alpha) B`` comes closer to the `pixels`."""
    alpha = alpha[..., None]
    corrected = f + alpha * (pixels - alpha * f - (1 - alpha) * b)
    return np.asarray(np.clip(corrected, 0, 1), np.float32)


def _weighted(plane: Plane, weight: Plane, reach: int) -> Plane:
    total = _average(plane * weight[..., None], reach)
    return np.asarray(total / np.maximum(_average(weight, reach), np.float32(1e-6))[..., None], np.float32)


def _average(plane: Plane, reach: int) -> Plane:
    side = 2 * reach + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)


def _reduce(plane: NDArray[np.uint8], height: int, width: int) -> Plane:
    smaller = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller / np.float32(255), np.float32)


def _tiles(band: Plane, shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Squares of an image of this `shape` that may hold a part of the `band`, which is of another size."""
    margin = max(1, -(-max(band.shape) // max(shape)))
    for top in range(0, shape[0], _TILE):
        for left in range(0, shape[1], _TILE):
            tile = slice(top, min(shape[0], top + _TILE)), slice(left, min(shape[1], left + _TILE))
            place = tuple(
                slice(max(0, part.start * small // large - margin), -(-part.stop * small // large) + margin)
                for part, small, large in zip(tile, band.shape, shape, strict=True)
            )
            if band[place].any():
                yield tile


def _part(plane: Plane, shape: tuple[int, ...], tile: tuple[slice, slice]) -> Plane:
    """The `tile` of a plane that is enlarged to `shape`, linearly."""
    down, across = plane.shape[0] / shape[0], plane.shape[1] / shape[1]
    rows, columns = tile
    place = np.array([
        [across, 0, (columns.start + 0.5) * across - 0.5],
        [0, down, (rows.start + 0.5) * down - 0.5],
    ])  # fmt: skip
    size = columns.stop - columns.start, rows.stop - rows.start
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, place, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)
