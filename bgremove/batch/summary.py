"""What the last lines of a run say, gathered as its images are completed: no more is kept of them."""

from __future__ import annotations

from collections.abc import Iterator

from bgremove.batch.records import ImageRecord
from bgremove.errors import BgremoveError
from bgremove.paths import display_name
from bgremove.url import Location

_MOST_NAMES = 5  # of doubtful images that are listed


class Summary:
    """How many images were done, skipped and failed, and what is to be said of some."""

    def __init__(self) -> None:
        self.ok = 0
        self.skipped = 0
        self.failures: list[str] = []
        """A line for each image that failed: its name and the reason."""
        self.warnings: list[str] = []
        self.doubtful: list[Location] = []
        """Images whose mask is probably bad."""
        self._retried = 0

    def add(self, record: ImageRecord) -> None:
        """Take one image into account."""
        self.ok += record.status == "ok"
        self.skipped += record.status == "skipped"
        self.failures += failure_text(record)
        self.warnings += warning_texts(record)
        if record.doubts:
            self.doubtful.append(record.path)
        self._retried += record.span is not None and record.span.attempts > 1

    def remarks(self, advice: str) -> Iterator[str]:
        """Lines about images that were tried again, and about masks that are probably bad, with `advice` for these."""
        if self._retried:
            yield f"{self._retried} tried again, because their worker was lost"
        if self.doubtful:
            names = ", ".join(map(display_name, self.doubtful[:_MOST_NAMES]))
            more = ", ..." if len(self.doubtful) > _MOST_NAMES else ""
            verb = "looks" if len(self.doubtful) == 1 else "look"
            yield f"{len(self.doubtful)} of {self.ok} {verb} doubtful: {names}{more}: {advice}"


def failure_text(record: ImageRecord) -> list[str]:
    """If the image has failed, a line with its name and the reason."""
    if record.status != "failed":
        return []
    return [named_failure(record.path, record.error)]


def named_failure(path: Location, error: BgremoveError | None) -> str:
    """The reason, after the name of the image unless it begins with that."""
    name, text = display_name(path), str(error)
    return text if text.startswith(name) else f"{name}: {text}"


def warning_texts(record: ImageRecord) -> list[str]:
    """A line for each warning."""
    return [f"{display_name(record.path)}: {warning}" for warning in record.warnings]
