"""A survey that goes on while a person is at work on the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from bgremove.errors import BgremoveError
from bgremove.interrupts import interrupts_deferred
from bgremove.rects.edit.session import Entry, Session
from bgremove.url import Location

_NAP_S = 0.2  # a thread that is waited for without a limit keeps Ctrl-C waiting on some systems


@contextmanager
def surveyed_meanwhile(
    session: Session,
    results: Iterable[tuple[Location, Entry | BgremoveError]],
    advance: Callable[[], None],
    ended: Callable[[], None],
) -> Iterator[None]:
    """Let the `session` know the `results` of a survey, in a thread beside the block, which waits for it at its end.

    `advance` is called there for each photograph that has become known, and `ended` when all are; if none of them can
    be edited, the session is over. If the block or its waiting is left by an exception, the survey ends after the
    photograph that it is at. What the survey raises itself ends the session, and is raised at the end of the block.
    """
    stopped = threading.Event()
    errors: list[BaseException] = []

    def look() -> None:
        told = 0
        try:
            for path, result in results:
                session.found(path, result)
                for _ in range(told, len(session.entries) - session.left):
                    advance()
                    told += 1
                if stopped.is_set():
                    return
            session.is_over = len(session.failures) == len(session.entries)
            ended()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised in the thread that waits
            errors.append(error)
            session.is_over = True

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
        while thread.is_alive():
            thread.join(_NAP_S)
    except BaseException:
        stopped.set()
        with interrupts_deferred():
            thread.join()
        raise
    if errors:
        raise errors[0]
