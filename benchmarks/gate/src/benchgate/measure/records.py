"""What was measured, as plain values: timings make turns, turns make a block, blocks of all cases make a pair."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Gap = Literal["new", "skipped", "missing", "incomparable"]

#: Version of the JSON written from these records. 1: first. 2: pairs have `frame_slots`. 3: a run has its `shard`.
#: 4: pairs and metrics have no `stage`, and metrics `evidence` in place of `wealth`, for every pair counts.
#: 5: a case may be `skipped`.
FORMAT_VERSION = 5


@dataclass(frozen=True)
class Timing:
    """One timed call (`loops` runs of the target) in one arm, with the control workload run just before it."""

    wall_s: float
    cpu_s: float
    control_s: float


@dataclass(frozen=True)
class Turn:
    """One timing of each arm, taken directly one after the other, both starting on the same processor."""

    base_first: bool
    processor: int | None
    base: Timing
    head: Timing


@dataclass(frozen=True)
class Block:
    """All turns of one case in one pair of processes."""

    case: str
    loops: int
    turns: tuple[Turn, ...]
    base_peak_bytes: int
    head_peak_bytes: int
    stolen_share: float
    load: float


@dataclass(frozen=True)
class Trouble:
    """Why a case has no block in a pair, and the verdict that follows from it."""

    case: str
    verdict: Gap
    why: str


@dataclass(frozen=True)
class Pair:
    """One fresh process of each revision: the unit of evidence."""

    number: int
    hash_seed: int
    padding_bytes: int
    seconds: float
    blocks: tuple[Block, ...]
    troubles: tuple[Trouble, ...]
    frame_slots: int = 0

    def as_json(self) -> dict[str, Any]:
        """The pair as plain dictionaries and lists."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Pair":
        """The pair that `as_json` made the dictionaries of."""
        blocks = [{**block, "turns": tuple(map(_turn, block["turns"]))} for block in stored["blocks"]]
        troubles = tuple(Trouble(**trouble) for trouble in stored["troubles"])
        kept = {name: value for name, value in stored.items() if name != "stage"}  # of versions before 4
        return cls(**{**kept, "blocks": tuple(Block(**block) for block in blocks), "troubles": troubles})


def _turn(stored: dict[str, Any]) -> Turn:
    return Turn(**{**stored, "base": Timing(**stored["base"]), "head": Timing(**stored["head"])})
