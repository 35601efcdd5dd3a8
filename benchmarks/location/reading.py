"""Photographs with masks, from folders."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.location.pictures import Photograph
from bgremove.formats import read

_BRIGHT = 127
_PIXELS = 300_000  # of a photograph, at most


def read_photographs(photos: Path, masks: Path) -> list[Photograph]:
    """Those in `photos`, reduced. Their `masks` have the same names but for the suffix, and are bright on objects."""
    by_name = {path.stem: path for path in masks.iterdir()}
    found = []
    for path in sorted(photos.iterdir()):
        image, truth = read(path).image, read(by_name[path.stem]).image[..., 0]
        share = min(1.0, (_PIXELS / truth.size) ** 0.5)
        size = round(share * image.shape[1]), round(share * image.shape[0])
        image, truth = (
            np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA), np.uint8) for each in (image, truth)
        )
        found.append(Photograph(image, truth > _BRIGHT))
    return found
