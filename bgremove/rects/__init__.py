"""Rects for a folder of images: proposed, and corrected by a person."""

from bgremove.rects.propose import propose_rects as propose_rects
from bgremove.rects.table import Table as Table
from bgremove.rects.table import is_filled as is_filled
