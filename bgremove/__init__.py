"""Remove the background of photographs with GrabCut, one or a million."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bgremove.batch import remove_backgrounds
    from bgremove.cutout import Cutout
    from bgremove.errors import BgremoveError
    from bgremove.remove import remove_background
    from bgremove.settings import Settings
    from bgremove.stream import iter_cutouts
    from bgremove.types import Label, Rect

__version__ = "0.1.0"

__all__ = [
    "BgremoveError",
    "Cutout",
    "Label",
    "Rect",
    "Settings",
    "iter_cutouts",
    "remove_background",
    "remove_backgrounds",
]


def __getattr__(name: str) -> Any:
    """One of `__all__`, imported when it is first asked for: the command's help need not wait for OpenCV."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bgremove import api  # noqa: PLC0415

    return getattr(api, name)
