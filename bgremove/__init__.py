"""Remove the background of photographs with GrabCut, one or a million."""

from bgremove.batch import remove_backgrounds as remove_backgrounds
from bgremove.errors import BgremoveError as BgremoveError
from bgremove.remove import Cutout as Cutout
from bgremove.remove import remove_background as remove_background
from bgremove.stream import iter_cutouts as iter_cutouts
from bgremove.types import GrabCutSettings as GrabCutSettings
from bgremove.types import Label as Label
from bgremove.types import Rect as Rect

__version__ = "0.1.0"
