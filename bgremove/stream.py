"""Images in memory: cut out under a strategy as they come, with no file read or written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np

from bgremove.cutout import Cutout
from bgremove.errors import UsageError
from bgremove.preparation import Preparation
from bgremove.remove import remove_background
from bgremove.settings import Settings, merged
from bgremove.strategies import DEFAULT_STRATEGY, Outcome, Strategy, Task, make_strategy
from bgremove.strategies.transports import Transport, make_transport

_MISSING = object()


def iter_cutouts(
    images: Iterable[Any],
    *,
    rects: Iterable[Any] | None = None,
    hints: Iterable[Any] | None = None,
    strategy: str = DEFAULT_STRATEGY,
    workers: int | None = None,
    timeout_s: float | None = None,
    start_method: str | None = None,
    transport: str | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Generator[Outcome[Cutout], None, None]:
    """Cut the object out of every image; outcomes come as they are completed, in any order, one for each image.

    An outcome has the `index` of its image and either a `value`, the `Cutout`, or an `error`: one broken image, or one
    worker that dies, costs that image and no other. Closing the iterator cancels the rest and ends the workers.

    Parameters
    ----------
    images
        Anything that `remove_background` takes, most usefully arrays. Drawn from as workers become free, at most two
        images a worker ahead, so that it may be long and lazy. What it raises is raised here, behind the outcomes of
        all images that it had given.
    rects
        For each image in turn a rect, or None for that of the settings.
    hints
        For each image in turn what `remove_background` takes as hints, or None.
    strategy, workers, timeout_s, start_method
        As in `make_strategy`; by default `threads`, which copy nothing and start at once, or `processes` if there is a
        `timeout_s`. Under `processes` an image at which a worker crashes costs itself only.
    transport
        How images reach a worker process and cutouts come back, a name out of
        `bgremove.strategies.transports.TRANSPORTS`. By default ``shared_memory`` where there is such a thing and the
        workers are processes.
    settings, options
        How they are cut out: a `Settings`, or fields of it by name, such as ``engine``, or both.

    Cost: that of the engine, and one copy of each image and cutout for worker processes. Raises `UsageError` at once
    for names or values that cannot be meant; ValueError, when it is noticed, if rects or hints are not as many as the
    images.

    >>> import numpy as np
    >>> picture = np.full((40, 40, 3), (40, 120, 40), np.uint8)
    >>> picture[10:30, 10:30] = (30, 30, 200)
    >>> [int(outcome.value.foreground.sum()) for outcome in iter_cutouts([picture] * 3, strategy="threads")]
    [400, 400, 400]
    """
    _check_several(images)
    for name, values in (("rects", rects), ("hints", hints)):
        if values is not None:
            _check_iterable(name, values)
    chosen = merged(settings, options)
    made = make_strategy(
        strategy,
        workers=workers,
        timeout_s=timeout_s,
        start_method=start_method,
        worker_context=Preparation(chosen.engine, chosen.model, edge=chosen.edge),
    )
    carrier = make_transport(transport or _default_transport(made))
    return _run(made, carrier, partial(_cut, chosen), _tasks(images, rect=rects, hints=hints))


def _check_several(images: Any) -> None:
    """Raise `UsageError` for a single image, whose letters, bytes or rows would be taken for images, and for none."""
    shape = images.shape if isinstance(images, np.ndarray) else None
    if isinstance(images, str | bytes | bytearray | memoryview | os.PathLike) or hasattr(images, "read"):
        raise UsageError("images is one name or file: give a list of images, or name folders to remove_backgrounds")
    if shape is not None and (len(shape) < 3 or (len(shape) == 3 and shape[2] in {1, 3, 4})):
        raise UsageError(f"images is one array, of shape {shape}: give a list of images, or an array of several")
    _check_iterable("images", images)


def _check_iterable(name: str, values: Any) -> None:
    if not isinstance(values, Iterable) and not hasattr(values, "__getitem__"):
        raise UsageError(f"{name} is of type {type(values).__name__}: give a list, or anything else that is iterated")


def _cut(settings: Settings, value: tuple[Any, dict[str, Any]]) -> Cutout:
    """Do one image, with what is its own, by name: its rect, its hints."""
    image, own = value
    return remove_background(image, settings=settings, **own)


def _default_transport(strategy: Strategy) -> str:
    return "pickle" if strategy.in_this_process or sys.platform == "win32" else "shared_memory"


def _run(
    strategy: Strategy, transport: Transport, function: Callable[[Any], Cutout], tasks: Iterator[Task[Any]]
) -> Generator[Outcome[Cutout], None, None]:
    with strategy, closing(transport.run(strategy, function, tasks)) as outcomes:
        yield from outcomes


def _tasks(images: Iterable[Any], **given: Iterable[Any] | None) -> Iterator[Task[tuple[Any, dict[str, Any]]]]:
    """A task for each image, with what of the `given` is its own."""
    columns = {name: values for name, values in given.items() if values is not None}
    for index, (image, *row) in enumerate(zip_longest(images, *columns.values(), fillvalue=_MISSING)):
        if image is _MISSING or any(each is _MISSING for each in row):
            raise ValueError("rects and hints must be as many as the images: one for each, which may be None")
        own = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
        yield Task(index, (image, own), f"image {index}")
