"""``python -m benchmarks.limit``: what `exact` takes in each of its kernels, beside the memory that they must touch.

No kernel is faster than memory hands over what it is given, each array once. CPU time and that limit come from one run
of one thread, over the fixtures enlarged to a megapixel. What it measured is kept in `KEPT`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

from benchgate.guard.machine import identity
from benchmarks.speed import MEGAPIXEL, enlarged
from benchmarks.workloads import one_thread
from bgremove.engines import make_engine
from bgremove.engines._compile import Kernel
from bgremove.formats import Photo
from bgremove.remove import initial_labels
from fixtures import load

KEPT = Path(__file__).parent / "results" / "limit.json"
ENGINE = "exact"
_COPIED = 2**28  # bytes, more than a cache holds
_ROUNDS = 5
_SHOWN = 0.01  # of the engine's time, at least, for a row of its own


class Account:
    """Seconds, and bytes of what was given, by kernel."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.bytes: dict[str, int] = defaultdict(int)


@contextmanager
def kernels_counted() -> Iterator[Account]:
    """Within it, each call of a kernel from Python is added to the account."""
    account, call = Account(), Kernel.__call__

    def counted(self: Kernel, *arguments: Any) -> Any:
        start = thread_time()
        result = call(self, *arguments)
        name = self.__name__  # type: ignore[attr-defined]
        account.seconds[name] += thread_time() - start
        account.bytes[name] += sum(_sizes(arguments))
        return result

    Kernel.__call__ = counted  # type: ignore[method-assign]
    try:
        yield account
    finally:
        Kernel.__call__ = call  # type: ignore[method-assign]


def _sizes(arguments: Iterable[Any]) -> Iterator[int]:
    """Bytes of each array, in tuples too."""
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            yield argument.nbytes
        elif isinstance(argument, tuple):
            yield from _sizes(argument)


def measure_bandwidth(size: int = _COPIED) -> float:
    """Bytes that one thread reads and writes a second, the most of some copies of `size` bytes."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    times = []
    for _ in range(_ROUNDS):
        start = thread_time()
        np.copyto(target, source)
        times.append(thread_time() - start)
    return 2 * size / min(times)


def measure() -> dict[str, Any]:
    """Seconds a picture, by kernel, and the bytes of what it was given."""
    engine, account, whole_s, number = make_engine(ENGINE), Account(), 0.0, 0
    engine.warm_up()
    for fixture in load():
        image, rect, _ = enlarged(fixture, MEGAPIXEL)
        labels = initial_labels(Photo(image), rect)
        with kernels_counted() as counted:
            start = thread_time()
            engine.segment(image, labels, iterations=5, seed=0)
            whole_s += thread_time() - start
        number += 1
        for name, seconds in counted.seconds.items():
            account.seconds[name] += seconds
            account.bytes[name] += counted.bytes[name]
    kernels = {
        name: {"seconds": seconds / number, "bytes": account.bytes[name] / number}
        for name, seconds in account.seconds.items()
    }
    return {"whole_s": whole_s / number, "bytes_per_s": measure_bandwidth(), "pictures": number, "kernels": kernels}


def table(kept: dict[str, Any]) -> str:
    """Markdown of what was kept."""
    machine = ", ".join(f"{key}: {value}" for key, value in kept["machine"].items())
    whole_s, bandwidth, kernels = kept["whole_s"], kept["bytes_per_s"], kept["kernels"]
    lines = [
        f"{kept['date']}. {machine}.",
        "",
        f"One thread copies {bandwidth / 1e9:.1f} GB/s, read and written. A mean of {kept['pictures']} pictures.",
        "",
        "| kernel | ms | share | MB it is given | ms for these at the speed of a copy | times as long |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    shown = {name: each for name, each in kernels.items() if each["seconds"] > _SHOWN * whole_s}
    for name, each in sorted(shown.items(), key=lambda item: -item[1]["seconds"]):
        lines.append(_row(f"`{name.strip('_')}`", each["seconds"], each["bytes"], kept))
    lines.append(_row("**all**", whole_s, sum(each["bytes"] for each in kernels.values()), kept))
    return "\n".join(lines) + "\n"


def _row(name: str, seconds: float, touched: float, kept: dict[str, Any]) -> str:
    limit_s = touched / kept["bytes_per_s"]
    return (
        f"| {name} | {seconds * 1e3:.1f} | {seconds / kept['whole_s']:.0%} | {touched / 1e6:.0f} "
        f"| {limit_s * 1e3:.1f} | {seconds / limit_s:.1f} |"
    )


if __name__ == "__main__":
    with one_thread():
        _found = measure()
    _kept = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": identity(Path(__file__).parents[1]), **_found}
    KEPT.write_text(json.dumps(_kept, indent=1) + "\n", encoding="ascii")
