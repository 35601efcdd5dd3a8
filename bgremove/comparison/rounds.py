"""One round: the whole workload under one strategy, with all that was measured of it."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from bgremove.batch import Job
from bgremove.batch.worker import Times, cut_file
from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError
from bgremove.meter import Meter, Reading
from bgremove.settings import Settings
from bgremove.strategies import Outcome, Strategy, Task


@dataclass(frozen=True, slots=True)
class Measured:
    """What a worker sends back of one image."""

    times: Times
    digest: bytes


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the whole workload under one strategy, its outcomes by image.

    Workers were started from `began_s` on, for `startup_s`; the reading is of what followed. `began_s` is a second of
    `time.perf_counter`, as those of the outcomes are.
    """

    began_s: float
    startup_s: float
    reading: Reading
    outcomes: tuple[Outcome[Measured], ...]

    def values(self) -> list[Measured]:
        """What the workers sent back. Raises the error of an image that failed."""
        values = []
        for outcome in self.outcomes:
            if outcome.value is None:
                raise outcome.error or BgremoveError("an outcome has neither value nor error")
            values.append(outcome.value)
        return values


@dataclass(frozen=True, slots=True)
class MeasuringWorker:
    """The function that is run over the jobs: all that a batch does, and a digest of the mask.

    `on_cutout` is called with each cutout, where it is given; that is for strategies in this process.
    """

    settings: Settings
    on_cutout: Callable[[Job, Cutout], None] | None = None

    def __call__(self, job: Job) -> Measured:
        """Do one file."""
        _, cutout, times, _ = cut_file(job, self.settings)
        if self.on_cutout is not None:
            self.on_cutout(job, cutout)
        return Measured(times, hashlib.blake2b(cutout.mask.tobytes(), digest_size=16).digest())


def run_round(jobs: Sequence[Job], worker: MeasuringWorker, made: Strategy, on_image: Callable[[], None]) -> Round:
    """Run `jobs` under the strategy `made`, which is started here. Outputs go to a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bgremove-compare-") as folder:
        tasks = (Task(index, _moved(job, Path(folder, str(index))), str(job.source)) for index, job in enumerate(jobs))
        began_s = time.perf_counter()
        with made as strategy:
            strategy.warm_up()
            startup_s = time.perf_counter() - began_s
            outcomes = []
            with Meter() as meter, closing(strategy.run(worker, tasks)) as arriving:
                for outcome in arriving:
                    outcomes.append(outcome)
                    on_image()
        by_image = sorted(outcomes, key=lambda outcome: outcome.index)
        return Round(began_s, startup_s, meter.reading, tuple(by_image))


def _moved(job: Job, stem: Path) -> Job:
    return replace(job, outputs={kind: stem.with_suffix(f".{kind}{path.suffix}") for kind, path in job.outputs.items()})
