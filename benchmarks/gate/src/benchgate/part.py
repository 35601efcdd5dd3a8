"""Which of the selected cases a run measures: all, a share beside other runs, or those that regressed before."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import WrongUseError


@dataclass(frozen=True)
class Shard:
    """One of `count` runs that share the cases between them; `number` counts from 1."""

    number: int = 1
    count: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parsed(cls, text: str) -> "Shard":
        """The shard that a text like ``2/3`` names; argparse.ArgumentTypeError for any other."""
        number, slash, count = text.partition("/")
        if slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
            return cls(int(number), int(count))
        raise argparse.ArgumentTypeError(f"{text}: give the number of the shard and how many there are, as in 2/3")


@dataclass(frozen=True)
class Part:
    """A shard, and the gate.json of an earlier run of whose cases only those that regressed are measured again."""

    shard: Shard = Shard()
    confirmed: Path | None = None

    def check(self) -> None:
        """Raises WrongUseError where there is nothing to confirm, before anything takes time."""
        if self.confirmed is not None:
            _regressed_in(self.confirmed)

    def of(self, cases: Sequence[str]) -> list[str]:
        """Its cases, in their order: every `count`-th by name, for neighbours often take equally long. It may be none.

        Plugins may shuffle what is collected, and differently for each of the shards.
        """
        mine = set(self.of_all_shards(cases)[self.shard.number - 1 :: self.shard.count])
        return [case for case in cases if case in mine]

    def of_all_shards(self, cases: Sequence[str]) -> list[str]:
        """What all shards measure between them, by name.

        Raises WrongUseError where a case that is to be confirmed is not among them: without it the run might pass.
        """
        due = set(cases)
        if self.confirmed is not None:
            due = _regressed_in(self.confirmed)
            if absent := sorted(due.difference(cases)):
                raise WrongUseError(
                    f"--confirm {self.confirmed}: {absent[0]} regressed in that run and is not selected in this one: "
                    "give the same paths, -k and -m"
                )
        return sorted(due)


def _regressed_in(file: Path) -> set[str]:
    try:
        findings = json.loads(file.read_text(encoding="utf-8"))["findings"]
        regressed = {finding["case"] for finding in findings if finding["verdict"] == "regressed"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUseError(f"--confirm {file}: this is no gate.json that can be read ({error})") from None
    if not regressed:
        raise WrongUseError(f"--confirm {file}: nothing regressed in that run")
    return regressed
