"""Comparisons that nobody had to measure: a loop and pools on a clock that is only reckoned with."""

from functools import cache
from pathlib import Path

from bgremove.batch import Job
from bgremove.batch.worker import Times
from bgremove.comparison.compare import Comparison, Contender, result_of
from bgremove.comparison.report import comparison_json
from bgremove.comparison.rounds import Measured, Round
from bgremove.errors import ImageError
from bgremove.meter import Reading, Sample
from bgremove.settings import Settings
from bgremove.strategies import Outcome

EVIL = "<img src=x onerror=alert(1)>.png"
ENVIRONMENT = {"cpu_model": "Pretended", "usable_cpus": 2, "memory_bytes": 2**34, "libraries": {"numpy": "2"}}
STARTUP_S = 0.5
READ_S, WRITE_S = 0.002, 0.01


def segment_s(image):
    return 0.1 + 0.01 * (image % 7)


def made_round(images, workers, startup_s, began_s, slower):
    """Each image goes to the worker that is free first, 1 ms after it was queued, and is back 1 ms after its end."""
    free_s = [began_s + startup_s] * workers
    outcomes = []
    for image in range(images):
        lane = free_s.index(min(free_s))
        times = Times(READ_S * slower, segment_s(image) * slower, WRITE_S * slower)
        start_s = free_s[lane] + 0.001
        end_s = start_s + times.read_s + times.segment_s + times.write_s
        free_s[lane] = end_s + 0.001
        outcomes.append(
            Outcome(
                index=image, value=Measured(times, b""), created_s=start_s - 0.001, started_s=start_s,
                ended_s=end_s, received_s=end_s + 0.001, worker=100 + lane,
            )
        )  # fmt: skip
    wall_s = max(free_s) - began_s - startup_s
    samples = tuple(Sample(wall_s * n / 20, workers * wall_s * n / 20, 10**8 * workers) for n in range(21))
    reading = Reading(began_s + startup_s, wall_s, workers * wall_s, 10**8 * workers, "pss", workers / 2, samples)
    return Round(began_s, startup_s, reading, tuple(outcomes))


def comparison(
    images=6, chosen=(("sequential", 1), ("threads", 2), ("processes", 2)), failed=(), rounds=3, auto="threads"
):
    """A comparison whose files are ``photos/0.jpg`` and so on, the last one called `EVIL`."""
    names = [f"{n}.jpg" for n in range(images - 1)] + [EVIL]
    jobs = tuple(
        Job(Path("photos", name), {"cutout": Path("x.png")}, pixels=10_000 * (n + 1)) for n, name in enumerate(names)
    )
    return Comparison(
        jobs=jobs,
        failed=tuple((Path("photos", name), ImageError(f"{name}: it is broken")) for name in failed),
        rounds=rounds,
        settings=Settings(),
        differing=(),
        auto=auto,
        results=_results(images, tuple(chosen), rounds),
    )


@cache
def _results(images, chosen, rounds):
    """Made once: the intervals take half a second, and most tests compare the same."""
    history, clock_s = {}, 1000.0
    for name, workers in chosen:
        contender = Contender(name, workers)
        history[contender] = []
        for number in range(rounds):
            startup_s = STARTUP_S if name in ("processes", "pool") else 0.0
            history[contender].append(made_round(images, workers, startup_s, clock_s, 1 + 0.02 * number))
            clock_s += 20
    loop = next(iter(history.values()))
    return tuple(result_of(contender, own, loop) for contender, own in history.items())


def content(*arguments, **options):
    """What ``compare --json`` would write of it."""
    return comparison_json(comparison(*arguments, **options), ENVIRONMENT, ["bgremove", "compare", "my photos"])
