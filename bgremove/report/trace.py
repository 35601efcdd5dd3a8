"""A report as a trace in the Trace Event Format, which Perfetto and Chromium's about:tracing open.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bgremove.paths import display_name
from bgremove.report.figures import STAGES, lanes
from bgremove.report.report import Report, Round

Event = dict[str, Any]


def trace(report: Report) -> dict[str, Any]:
    """All rounds as they followed one another: a process for each strategy, a thread for each of its workers."""
    return {
        "displayTimeUnit": "ms",
        "otherData": {"command": " ".join(map(display_name, report.command)), "answer": report.answer},
        "traceEvents": list(_events(report)),
    }


def _events(report: Report) -> Iterator[Event]:
    for process, contender in enumerate(report.contenders, 1):
        yield _named("process_name", contender.title, process, 0)
        for number in range(1, max((len(lanes(each)) for each in contender.rounds), default=0) + 1):
            yield _named("thread_name", f"worker {number}", process, number)
        for number, each in enumerate(contender.rounds, 1):
            yield _complete("start-up", f"round {number}", each.began_s, each.startup_s, process, 0)
            yield from _of_images(report, each, number, process)
            yield from _of_memory(each, process)


def _of_images(report: Report, round_: Round, number: int, process: int) -> Iterator[Event]:
    for thread, spans in enumerate(lanes(round_).values(), 1):
        for span in spans:
            start_s = round_.began_s + span.started_s
            name = display_name(report.images[span.image].path)
            event = _complete(name, f"round {number}", start_s, span.work_s, process, thread)
            queue_ms, return_ms = 1e3 * (span.started_s - span.created_s), 1e3 * (span.received_s - span.ended_s)
            yield event | {"args": {"queue_ms": round(queue_ms, 3), "return_ms": round(return_ms, 3)}}
            for stage, seconds in zip(STAGES, span.stages_s or (), strict=False):
                yield _complete(stage, "stage", start_s, seconds, process, thread)
                start_s += seconds


def _of_memory(round_: Round, process: int) -> Iterator[Event]:
    for sample in round_.samples:
        yield {
            "ph": "C", "name": "memory", "pid": process, "ts": _us(round_.began_s + sample.at_s),
            "args": {"MB": round(sample.rss_bytes / 1e6, 1)},
        }  # fmt: skip


def _complete(name: str, category: str, start_s: float, seconds: float, process: int, thread: int) -> Event:
    return {
        "ph": "X", "name": name, "cat": category, "pid": process, "tid": thread,
        "ts": _us(start_s), "dur": _us(seconds),
    }  # fmt: skip


def _named(what: str, name: str, process: int, thread: int) -> Event:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}


def _us(seconds: float) -> float:
    return round(seconds * 1e6, 1)
