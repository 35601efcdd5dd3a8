"""Coarse to fine."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from bgremove.engines import _band
from bgremove.engines.exact import ExactEngine
from bgremove.types import Foreground, GrabCutSettings, Image, Label, Mask

COARSE = 60_000
CONTEXT = 0.5
REACH = 3
PASSES = 1
NEAR = 0


class Level(NamedTuple):
    image: Image
    labels: Mask


class MultiscaleEngine:
    bytes_per_pixel = 40

    def segment(self, image: Image, labels: Mask, settings: GrabCutSettings) -> Mask:
        x, y, w, h = cv2.boundingRect(labels & 2)
        if not w:
            return labels.copy()
        mx, my = int(w * CONTEXT) + 2, int(h * CONTEXT) + 2
        window = slice(max(0, y - my), y + h + my), slice(max(0, x - mx), x + w + mx)
        levels = pyramid(image[window], labels[window], w * h)
        foreground = coarse(levels, settings)
        for level in levels[::-1]:
            foreground = refine(level, foreground, settings)
        out = labels.copy()
        out[window] = np.where(labels[window] < 2, labels[window], foreground + np.uint8(2))
        return out


def coarse(levels, settings):
    while levels:
        level = levels.pop()
        fg = _band.cut_all(level.image, level.labels, settings)
        share = fg[level.labels > 1].mean()
        if LOW < share < HIGH or not levels: return fg
        LOG.append((len(levels), share))
    return fg
LOG = []
LOW, HIGH = 0.0, 1.0


def pyramid(image, labels, area):
    levels = [Level(image, labels)]
    while area > 4 * COARSE:
        levels.append(reduced(levels[-1], (levels[-1].labels.shape[0] + 1) // 2, (levels[-1].labels.shape[1] + 1) // 2))
        area /= 4
    if area > 1.5 * COARSE:
        f = (COARSE / area) ** 0.5
        levels.append(reduced(levels[-1], round(levels[-1].labels.shape[0] * f), round(levels[-1].labels.shape[1] * f)))
    return levels


def reduced(level, height, width):
    image = cv2.resize(level.image, (width, height), interpolation=cv2.INTER_AREA)
    def share(chosen):
        return cv2.resize(chosen.view(np.uint8) * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
    fg, bg = share(level.labels == 1), share(level.labels == 0)
    start = share(level.labels == 3)
    major = (bg > 127).astype(np.uint8)
    thin = (bg > 0) & (cv2.dilate(major, np.ones((3, 3), np.uint8)) == 0)
    labels = np.where((fg > 0) & (fg >= bg), 1, np.where((bg > 127) | thin, 0, np.where(start > 127, 3, 2))).astype(np.uint8)
    return Level(image, labels)


def refine(level, foreground, settings):
    h, w = level.labels.shape
    foreground = cv2.resize(foreground.view(np.uint8) * np.uint8(255), (w, h), interpolation=cv2.INTER_LINEAR) > 127
    for _ in range(PASSES):
        foreground[level.labels == 0] = False
        foreground[level.labels == 1] = True
        band = _band.band_around(foreground, level.labels, REACH)
        if not band.any() or foreground.all() or not foreground.any():
            return foreground
        if NEAR:
            near = _band.band_around(foreground, np.full_like(level.labels, 3), NEAR)
            mixtures = _band.sample_mixtures(level.image, foreground, settings.seed, near)
        else:
            mixtures = _band.sample_mixtures(level.image, foreground, settings.seed)
        _band.cut_band(level.image, foreground, band, mixtures, _band.sample_contrast(level.image))
    return foreground
