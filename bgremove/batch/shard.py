"""A share of a batch, for a machine of its own: Slurm arrays, indexed jobs of Kubernetes, a loop over ssh."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import PurePath
from typing import Self

from bgremove.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shard:
    """Number `index`, from 1, of `count` shares. Each image is in one, by a hash of its path under the input.

    Raises `UsageError` unless ``1 <= index <= count``.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(f"shard {self}: write I/N with I from 1 to N, such as 1/8")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard that is written ``I/N``.

        >>> Shard.parse("2/8")
        Shard(index=2, count=8)
        """
        index, _, count = text.partition("/")
        if not (index.isdecimal() and count.isdecimal()):
            raise UsageError(f"shard {text!r}: write I/N with I from 1 to N, such as 1/8")
        return cls(int(index), int(count))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def holds(self, relative: PurePath) -> bool:
        """Whether the image at this path under the input is in the shard; the same on every machine."""
        digest = blake2b(os.fsencode(relative.as_posix()), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1
