"""One file to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bgremove.types import Rect
from bgremove.url import Location


@dataclass(frozen=True, slots=True)
class Job:
    """One file to do: where it is, the file that each emitted kind goes to, its own rect and hints if it has them."""

    source: Location
    outputs: dict[str, Location]
    rect: Rect | None = None
    hints: Location | None = None
    """An image, see `bgremove.hints`."""
    overwrite: bool = False
    pixels: int | None = None
    """As the header says; 0 if that cannot be read, None before it is."""
    preview: bool = False
    """Whether a preview of the cutout is wanted, for a contact sheet."""
    mark: str = ""
    """Of its outputs in a store, see `bgremove.storage.Store`."""

    def absolute(self) -> Job:
        """The same for a process elsewhere, with paths that do not depend on the folder that a process is in."""
        outputs = {kind: path.absolute() for kind, path in self.outputs.items()}
        hints = None if self.hints is None else self.hints.absolute()
        return replace(self, source=self.source.absolute(), outputs=outputs, hints=hints)
