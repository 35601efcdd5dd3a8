"""Every error that bgremove raises on purpose.

Each message says what was wrong and what is allowed. An error is made from its message alone, so that it
survives the way back from a worker process unchanged.
"""

from __future__ import annotations


class BgremoveError(Exception):
    """Root of all errors raised by this package."""


class UsageError(BgremoveError, ValueError):
    """An argument, or a combination of arguments, that cannot be meant."""


class ImageError(BgremoveError):
    """An image cannot be read, is refused, or cannot be segmented."""


class ImageTooLargeError(ImageError):
    """The header promises more pixels than the limit allows; nothing was decoded."""


class RectError(BgremoveError, ValueError):
    """A rectangle lies outside the image, or leaves no background or no foreground to learn from."""


class EngineError(BgremoveError):
    """The engine gave up on an image."""


class OutputError(BgremoveError):
    """A result cannot be written, or writing it would overwrite or confuse files."""


class TaskError(BgremoveError):
    """A task raised an exception that is not one of ours; the message holds its type and text."""


class WorkerLostError(BgremoveError):
    """The worker process died (killed, out of memory, crashed) while it ran this task."""


class TaskTimeoutError(BgremoveError):
    """The task ran longer than the time limit, and its worker was stopped."""


class ClusterError(BgremoveError):
    """A cluster of Dask cannot be reached or started, or has other versions than this program."""


class NotRunError(BgremoveError):
    """The task was never started, because the run ended before its turn."""
