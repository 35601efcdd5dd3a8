"""Rects for a folder of images."""

from bgremove.rects.propose import propose_rects as propose_rects
from bgremove.rects.propose import rects_csv as rects_csv
