"""Remove the background of photographs with GrabCut, one or a million."""

from bgremove.errors import BgremoveError as BgremoveError
from bgremove.types import GrabCutSettings as GrabCutSettings
from bgremove.types import Label as Label
from bgremove.types import Rect as Rect

__version__ = "0.1.0"
