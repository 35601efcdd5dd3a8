"""The study's data on disk: a line for each slot, and beside it its raw measurements, rounded and compressed."""

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchgate.measure.records import Pair
from benchmarks.study.rivals import Stored
from benchmarks.study.tally import Slot

#: Digits kept of every time: rounding is then far less than a thousandth of the spread between pairs.
DIGITS = 6


def keep(directory: Path, slot: Slot, pairs: Sequence[Pair], runs: Mapping[str, Stored]) -> None:
    """Adds a slot, with the gate's raw pairs and the statistics of the rivals' runs."""
    raw = _rounded({"pairs": [pair.as_json() for pair in pairs], "rivals": runs})
    _raw_file(directory, slot.number).write_bytes(lzma.compress(json.dumps(raw).encode(), preset=9))
    with _slots_file(directory).open("a") as lines:
        lines.write(json.dumps(asdict(slot)) + "\n")


def slots(directory: Path) -> list[Slot]:
    """All slots kept so far, in the order they were run."""
    file = _slots_file(directory)
    return [Slot(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def pairs(directory: Path, number: int) -> list[Pair]:
    """The gate's pairs of one slot."""
    stored = json.loads(lzma.decompress(_raw_file(directory, number).read_bytes()))
    return [Pair.from_json(pair) for pair in stored["pairs"]]


def _slots_file(directory: Path) -> Path:
    return directory / "slots.jsonl"


def _raw_file(directory: Path, number: int) -> Path:
    return directory / f"slot-{number:03}.json.xz"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value
