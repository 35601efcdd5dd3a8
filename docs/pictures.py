"""``python docs/pictures.py FOLDER`` draws each step of GrabCut on one photograph, for `explanation/grabcut.md`.

The steps are computed by cv2.grabCut, one iteration at a time; what it keeps between two of them, the colour models, is
laid open here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "fixtures/images/dahlia.jpg"
RECT = (155, 75, 300, 290)
WIDTH = 440
CONTRAST = 50.0
"""OpenCV's gamma: the weight of an edge between two equal pixels."""

Pixels = NDArray[np.uint8]
Model = NDArray[np.float64]
"""OpenCV's ``(1, 65)``: five weights, five means (BGR), five covariances."""


def log_likelihood(image: Pixels, model: Model) -> NDArray[np.float64]:
    """``(H, W, 5)``: of each pixel under each of the five components, its weight included."""
    weights, means, covariances = model[0, :5], model[0, 5:20].reshape(5, 3), model[0, 20:].reshape(5, 3, 3)
    result = np.full((*image.shape[:2], 5), -np.inf)
    for index in np.flatnonzero(weights > 0):
        difference = image.reshape(-1, 3) - means[index]
        inverse = np.linalg.inv(covariances[index])
        distance = np.einsum("ni,ij,nj->n", difference, inverse, difference).reshape(image.shape[:2])
        log_norm = -0.5 * np.log(np.linalg.det(covariances[index]))
        result[..., index] = np.log(weights[index]) + log_norm - 0.5 * distance
    return result


def components(image: Pixels, mask: Pixels, background: Model, foreground: Model) -> Pixels:
    """Each pixel in the mean colour of the component that it is assigned to, of the model of its side."""
    result = np.empty_like(image)
    for model, side in ((background, mask % 2 == 0), (foreground, mask % 2 == 1)):
        means = model[0, 5:20].reshape(5, 3)
        result[side] = means[log_likelihood(image, model).argmax(axis=2)][side].clip(0, 255).astype(np.uint8)
    return result


def terminal_weights(image: Pixels, background: Model, foreground: Model) -> Pixels:
    """How much more likely each pixel is as foreground (orange) than as background (blue)."""
    odds = np.logaddexp.reduce(log_likelihood(image, foreground), axis=2)
    odds -= np.logaddexp.reduce(log_likelihood(image, background), axis=2)
    share = (odds / 12).clip(-1, 1)[..., None]
    white, orange, blue = (np.array(colour) for colour in ((250, 250, 250), (0, 94, 213), (178, 114, 0)))
    mixed = np.where(share > 0, white + (orange - white) * share, white + (blue - white) * -share)
    return mixed.astype(np.uint8)


def neighbour_weights(image: Pixels) -> Pixels:
    """The mean weight of each pixel's edges to its right and lower neighbour: black is where a cut is cheap."""
    pixels = image.astype(np.float64)
    right = np.square(np.diff(pixels, axis=1)).sum(axis=2)
    below = np.square(np.diff(pixels, axis=0)).sum(axis=2)
    beta = 1 / (2 * np.concatenate([right.ravel(), below.ravel()]).mean())
    weights = CONTRAST * (np.exp(-beta * right[:-1]) + np.exp(-beta * below[:, :-1])) / 2
    return (255 * weights / CONTRAST).astype(np.uint8)


def cutout(image: Pixels, mask: Pixels) -> Pixels:
    """The foreground on a checkerboard."""
    rows, columns = np.indices(image.shape[:2]) // 16
    board = np.where((rows + columns) % 2, 235, 200).astype(np.uint8)[..., None]
    return np.where((mask % 2 == 1)[..., None], image, board)


def draw(folder: Path) -> None:
    """Write all pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    image = cv2.imread(str(PHOTO))
    mask = np.zeros(image.shape[:2], np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    for iteration in range(1, 6):
        mode = cv2.GC_INIT_WITH_RECT if iteration == 1 else cv2.GC_EVAL
        cv2.grabCut(image, mask, RECT, background, foreground, 1, mode)
        if iteration == 1:
            framed = cv2.rectangle(image.copy(), RECT[:2], (RECT[0] + RECT[2], RECT[1] + RECT[3]), (255, 255, 255), 3)
            _write(folder / "rect.jpg", framed)
            _write(folder / "components.jpg", components(image, mask, background, foreground))
            _write(folder / "terminal.jpg", terminal_weights(image, background, foreground))
            _write(folder / "neighbours.jpg", neighbour_weights(image))
        if iteration in (1, 5):
            _write(folder / f"cut-{iteration}.jpg", cutout(image, mask))


def _write(file: Path, pixels: Pixels) -> None:
    height = round(pixels.shape[0] * WIDTH / pixels.shape[1])
    small = cv2.resize(pixels, (WIDTH, height), interpolation=cv2.INTER_AREA)
    encoded, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not encoded:
        raise OSError(f"{file}: it cannot be encoded")
    if not file.exists() or file.read_bytes() != content.tobytes():  # or the documentation would be built anew for ever
        file.write_bytes(content.tobytes())


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
