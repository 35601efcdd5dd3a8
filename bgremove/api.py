"""The public names, see `bgremove.__all__`: imported together when the first of them is asked for."""

# ruff: noqa: PLC0414 - the explicit form of handing a name on

from bgremove.batch import remove_backgrounds as remove_backgrounds
from bgremove.cutout import Cutout as Cutout
from bgremove.errors import BgremoveError as BgremoveError
from bgremove.remove import remove_background as remove_background
from bgremove.settings import Settings as Settings
from bgremove.stream import iter_cutouts as iter_cutouts
from bgremove.types import Label as Label
from bgremove.types import Rect as Rect
