"""``python -m benchmarks.files``: photographs from file to file, beside the floor: reading and writing alone.

The floor reads the same file and writes the same cutout, by the same functions, in the same threads and in turns with
the whole; nothing is segmented. It falls when a codec grows faster, and the ratio rises then.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import fmean, geometric_mean, median
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np

from benchgate.guard.machine import identity
from benchmarks.speed import MEGAPIXEL, enlarged
from benchmarks.workloads import one_thread
from bgremove.batch import Job
from bgremove.batch.worker import cut_file
from bgremove.engines import make_engine
from bgremove.files import write_bytes
from bgremove.formats import Photo, encode, read
from bgremove.machine import usable_cpus
from bgremove.preparation import Preparation
from bgremove.remove import initial_labels
from bgremove.settings import Settings
from bgremove.types import Mask
from fixtures import load

KEPT = Path(__file__).parent / "results" / "files.json"
PHOTOS = 24
FILE_MP, LARGE_MP = 12, 24
_QUALITY = 90  # of the JPEG files

Seconds = tuple[float, float]
"""Wall time, and CPU time of all threads."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one photograph: of the work and of what it is compared with, each round's seconds."""

    name: str
    work: list[Seconds]
    other: list[Seconds]


def make_job(index: int, folder: Path, megapixels: float) -> Job:
    """A fixture enlarged, as a JPEG in `folder`; from the second time that its turn comes mirrored."""
    fixtures = load()
    image, rect, _ = enlarged(fixtures[index % len(fixtures)], round(megapixels * MEGAPIXEL))
    if index >= len(fixtures):
        image = np.ascontiguousarray(image[:, ::-1])
        rect = rect._replace(x=image.shape[1] - rect.x - rect.width)
    source = folder / f"{index}.jpg"
    write_bytes(source, cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes(), overwrite=True)
    return Job(source, {"cutout": folder / f"{index}.png"}, rect, overwrite=True)


def floor_of(job: Job) -> Callable[[], None]:
    """What reads the photograph of a job and writes its cutout, which is made here once."""
    pixels, target = cut_file(job, Settings())[1].image, job.outputs["cutout"]
    assert isinstance(target, Path)

    def work() -> None:
        read(job.source)
        write_bytes(target, encode(pixels), overwrite=True)

    return work


def _files(rounds: int, order: random.Random, folder: Path) -> Iterator[Result]:
    """Each photograph from file to file, and the floor, in one thread."""
    with one_thread():
        for index in range(PHOTOS):
            job = make_job(index, folder, FILE_MP)
            whole = partial(cut_file, job, Settings())
            yield Result(f"photo {index}", *_in_turns(whole, floor_of(job), rounds, order))


def _commands(rounds: int, order: random.Random, folder: Path) -> Result:
    """All of the photographs by one command, its start included, and the floor in as many threads as there are CPUs."""
    jobs = [make_job(index, folder, FILE_MP) for index in range(PHOTOS)]
    with one_thread():
        floors = [floor_of(job) for job in jobs]
        return Result("command", *_in_turns(partial(_run, folder), partial(_at_once, floors), rounds, order))


def _run(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as output:
        line = [sys.executable, "-m", "bgremove", "remove", str(folder / "*.jpg"), "-o", output, "-q"]
        subprocess.run(line, check=True)  # noqa: S603 - this very package


def _at_once(floors: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for done in [pool.submit(floor) for floor in floors]:
            done.result()


def _threads(rounds: int, order: random.Random, folder: Path) -> Iterator[Result]:
    """`multiscale` alone on each of the fixtures, larger, in one thread, and in all."""
    for index in range(len(load())):
        job = make_job(index, folder, LARGE_MP)
        assert job.rect is not None
        photo = read(job.source)
        labels = initial_labels(photo, job.rect)
        one, several = (partial(segment, photo, labels, alone=alone) for alone in (True, False))
        yield Result(f"photo {index}", *_in_turns(one, several, rounds, order))


def segment(photo: Photo, labels: Mask, *, alone: bool) -> None:
    """In one thread, or in as many as there may be."""
    with one_thread() if alone else nullcontext():
        make_engine("multiscale").segment(photo.image, labels, iterations=5, seed=0)


def _in_turns(
    work: Callable[[], object], other: Callable[[], object], rounds: int, order: random.Random
) -> tuple[list[Seconds], list[Seconds]]:
    seconds: tuple[list[Seconds], list[Seconds]] = [], []
    for _ in range(rounds):
        for which in order.sample((0, 1), 2):
            start, cpu = perf_counter(), _cpu_s()
            (work, other)[which]()
            seconds[which].append((perf_counter() - start, _cpu_s() - cpu))
    return seconds


def _cpu_s() -> float:
    """CPU seconds of this process and of the processes that it has waited for."""
    ended = os.times()
    return process_time() + ended.children_user + ended.children_system


def tables(kept: dict[str, Any]) -> str:
    """Markdown of what was kept."""
    machine = ", ".join(f"{key}: {value}" for key, value in kept["machine"].items())
    files, command, threads = ([Result(**each) for each in kept[name]] for name in ("files", "command", "threads"))
    lines = [
        f"{kept['date']}, {kept['rounds']} rounds, other work on the machine: {kept['load']:.1f} processes. {machine}.",
        "",
        "| what | beside what | seconds each | times as long | least | most | by CPU seconds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        _row(f"a photo of {FILE_MP} MP from file to file, one thread", "the floor", files),
        _row(f"{PHOTOS} of them by `bgremove remove`, its start included", "the floor, all cores", command),
        _row(f"`multiscale` on {LARGE_MP} MP, one thread", "all cores", threads),
    ]
    return "\n".join(lines) + "\n"


def _row(what: str, other: str, results: list[Result]) -> str:
    (walls, others), (cpus, other_cpus) = (
        [[median(round_[clock] for round_ in rounds) for rounds in side] for side in _sides(results)]
        for clock in range(2)
    )
    ratios = [one / two for one, two in zip(walls, others, strict=True)]
    by_cpu = geometric_mean(one / two for one, two in zip(cpus, other_cpus, strict=True))
    return (
        f"| {what} | {other} | {fmean(walls):.2f} and {fmean(others):.2f} | {geometric_mean(ratios):.2f} "
        f"| {min(ratios):.2f} | {max(ratios):.2f} | {by_cpu:.2f} |"
    )


def _sides(results: list[Result]) -> tuple[list[list[Seconds]], list[list[Seconds]]]:
    return [each.work for each in results], [each.other for each in results]


def _measured(rounds: int) -> dict[str, Any]:
    order = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="bgremove-files-") as name, Preparation("multiscale", threads=None)():
        folder, load_before = Path(name), os.getloadavg()[0]
        found: dict[str, Any] = {"files": list(map(asdict, _files(rounds, order, folder)))}
        found["command"] = [asdict(_commands(rounds, order, folder))]
        found["threads"] = list(map(asdict, _threads(rounds, order, folder)))
    machine = identity(Path(__file__).parents[1])
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "rounds": rounds, "load": load_before, "machine": machine} | found


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    _parser.add_argument("--rounds", type=int, default=3, help="of each of two that take turns (%(default)s)")
    KEPT.write_text(json.dumps(_measured(_parser.parse_args().rounds), indent=1) + "\n", encoding="ascii")
