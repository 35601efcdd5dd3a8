"""Remove the background of photographs with GrabCut, one or a million."""

from bgremove.batch import remove_backgrounds as remove_backgrounds
from bgremove.cutout import Cutout as Cutout
from bgremove.errors import BgremoveError as BgremoveError
from bgremove.remove import remove_background as remove_background
from bgremove.settings import Settings as Settings
from bgremove.stream import iter_cutouts as iter_cutouts
from bgremove.types import Label as Label
from bgremove.types import Rect as Rect

__version__ = "0.1.0"
