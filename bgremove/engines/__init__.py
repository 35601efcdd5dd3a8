"""Engines: how one image is segmented. One protocol, one table of names."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from bgremove.errors import UsageError
from bgremove.types import GrabCutSettings, Image, Mask


class Engine(Protocol):
    """Segments one image. Stateless: one instance may serve many threads."""

    def peak_bytes(self, pixels: int) -> int:
        """Memory that `segment` takes at most, beyond image and labels, for images of up to so many `pixels`."""
        ...

    def warm_up(self) -> None:
        """Import, compile and run all that `segment` may call, so that no image has to wait for it."""
        ...

    def segment(self, image: Image, labels: Mask, settings: GrabCutSettings) -> Mask:
        """Decide every pixel that `labels` leaves open.

        Parameters
        ----------
        image : (H, W, 3) uint8
        labels : (H, W) uint8
            `Label` of every pixel, not modified. BACKGROUND and FOREGROUND are certain and stay. The two
            PROBABLY labels are where the search starts. At least one pixel is (probably) background and one
            (probably) foreground; the caller sees to that.

        Returns
        -------
        (H, W) uint8, where each open pixel is PROBABLY_BACKGROUND or PROBABLY_FOREGROUND.

        Raises `EngineError` if the engine cannot segment this image.
        """
        ...


_CLASSES = {
    "opencv": "bgremove.engines.opencv:OpenCVEngine",
    "exact": "bgremove.engines.exact:ExactEngine",
    "multiscale": "bgremove.engines.multiscale:MultiscaleEngine",
    "auto": "bgremove.engines.auto:AutoEngine",
}

ENGINES = tuple(_CLASSES)
"""Names that `make_engine` knows."""

DEFAULT_ENGINE = "exact"


def make_engine(name: str) -> Engine:
    """The engine called `name`; its module is imported only now."""
    if name not in _CLASSES:
        raise UsageError(f"there is no engine {name!r}; choose one of {', '.join(ENGINES)}")
    module, _, attribute = _CLASSES[name].partition(":")
    engine: Engine = getattr(import_module(module), attribute)()
    return engine
