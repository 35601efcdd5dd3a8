"""Many values in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class Packed(Sequence[T]):
    """Values of which only a text is kept, its bytes and 8 more: each is made when it is looked at.

    `value_of` makes the value of a text.
    """

    def __init__(self, texts: Iterable[str], value_of: Callable[[str], T]) -> None:
        self._value_of = value_of
        self._bytes = bytearray()
        self._ends = array("q", [0])
        for text in texts:
            self._bytes += text.encode("utf-8", "surrogatepass")  # the name of a file need not be Unicode
            self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[T]:
        return map(self._at, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        places = range(len(self))[index]
        return self._at(places) if isinstance(places, int) else [self._at(place) for place in places]

    def _at(self, index: int) -> T:
        return self._value_of(self._bytes[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogatepass"))
