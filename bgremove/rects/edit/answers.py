"""What the page asks for, and what it is answered: only what the session holds, by index, and the page's own files."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from operator import index
from typing import Any

import numpy as np

from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError, RectError, UsageError
from bgremove.formats import encode
from bgremove.hints import BLACK, GRAY, WHITE, as_gray, as_labels
from bgremove.paths import display_name, printable
from bgremove.rects.edit.session import Entry, Opened, Session
from bgremove.types import Mask, Rect, as_rect

_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_START = "edit.html"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the page."""

    content: bytes
    kind: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


def refusal(status: HTTPStatus, reason: str) -> Answer:
    """An answer that says why there is none."""
    return Answer(json.dumps({"error": printable(reason)}).encode("ascii"), "application/json", status)


class Answers:
    """Answers by address, below the token, and method."""

    def __init__(self, session: Session) -> None:
        self._session = session
        folder = files("bgremove.rects.edit") / "page"
        self._files = {file.name: file.read_bytes() for file in folder.iterdir() if _suffix(file.name) in _TYPES}

    def get(self, address: str) -> Answer:
        """The page, a file of it, the list of photographs, one of them, or what it looks like."""
        name = address or _START
        if name in self._files:
            return Answer(self._files[name], _TYPES[_suffix(name)])
        if address == "photos":
            return _json(self._list())
        if (count := _number(address, "known/")) is not None:
            return _json(self._news(count))
        index = self._index(address.removesuffix(".jpg"))
        return _nothing_there() if index is None else self._seen(index, address)

    def _seen(self, index: int, address: str) -> Answer:
        """A photograph, or what it looks like."""
        try:
            if address.endswith(".jpg"):
                photo = self._session.photo(index).photo
                return Answer(encode(photo.image, "jpg", photo.metadata), "image/jpeg")
            return _json(self._photo(index))
        except BgremoveError as error:
            return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def put(self, address: str, body: bytes) -> Answer:
        """Change a photograph's rect, and its hints if there are any in the body."""
        index = self._index(address)
        if index is None:
            return _nothing_there()
        try:
            rect, labels, seen = _change(body, self._session.photo(index).shape)
            cutout = self._session.change(index, rect, labels, seen=seen)
        except BgremoveError as error:
            return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        return _json(
            {**self._shown(index, cutout), "changes": self._session.changes(index) if seen is None else seen + 1}
        )

    def _index(self, address: str) -> int | None:
        """Of a photograph, out of an address such as ``photos/3``."""
        number = _number(address, "photos/")
        return None if number is None or number >= len(self._session.entries) else number

    def _list(self) -> dict[str, Any]:
        table = self._session.table
        count = len(self._session.known_since(0))  # before what is said of each, so that none is missed
        return {
            "table": display_name(table.file),
            "photos": [
                {"name": display_name(table.name(entry.path)), **_state(entry)} for entry in self._session.entries
            ],
            "known": count,
        }

    def _news(self, count: int) -> dict[str, Any]:
        """What has become known beyond the first `count` that were."""
        news = self._session.known_since(count)
        return {"news": [{"index": index, **_state(self._session.entries[index])} for index in news]}

    def _photo(self, index: int) -> dict[str, Any]:
        changes = self._session.changes(index)  # before it is opened, so that one meanwhile is not taken for seen
        opened, cutout = self._session.open(index)
        return {**_opened(opened), **self._shown(index, cutout), "changes": changes}

    def _shown(self, index: int, cutout: Cutout | None) -> dict[str, Any]:
        return {
            "doubts": [printable(doubt) for doubt in self._session.entries[index].doubts],
            "cutout": "" if cutout is None else _data_url(encode(cutout.image, "png", cutout.metadata)),
        }


def _state(entry: Entry) -> dict[str, bool]:
    return {"doubtful": bool(entry.doubts), "failed": entry.failure is not None}


def _number(address: str, prefix: str) -> int | None:
    """Of an address that is a prefix and a number of a reasonable length, the number."""
    digits = address.removeprefix(prefix)
    plain = digits != address and digits.isascii() and digits.isdecimal() and len(digits) < 10
    return int(digits) if plain else None


def _opened(opened: Opened) -> dict[str, Any]:
    small = opened.small
    labels = opened.shown_labels
    return {
        "width": small.width,
        "height": small.height,
        "shownWidth": small.shape[1],
        "shownHeight": small.shape[0],
        "rect": list(opened.rect),
        "hints": None if labels is None else base64.b64encode(as_gray(labels).tobytes()).decode("ascii"),
    }


def _change(body: bytes, shape: tuple[int, int]) -> tuple[Rect, Mask | None, int | None]:
    """A rect, hints as a page sends them (gray for every pixel that is shown), and how many changes it has seen."""
    try:
        change = json.loads(body)
        rect, hints, seen = as_rect(change["rect"]), change.get("hints"), change.get("seen")
        if seen is not None:
            seen = index(seen)
        if hints is None:
            return rect, None, seen
        gray = np.frombuffer(base64.b64decode(hints, validate=True), np.uint8).reshape(shape)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(str(error) if isinstance(error, RectError) else "that is no change of a photograph") from error
    if not np.isin(gray, (BLACK, GRAY, WHITE)).all():
        raise UsageError("hints hold other values than black, gray and white")
    return rect, as_labels(gray), seen


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]


def _json(content: dict[str, Any]) -> Answer:
    return Answer(json.dumps(content).encode("ascii"), "application/json")


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _nothing_there() -> Answer:
    return refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
