"""What is plotted of the typical round of each strategy: its workers, and the load of the machine, over time."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bgremove.report.drawing import BLUE, GRID, ORANGE, SKY, Plot, Table, blocks, rows_axis
from bgremove.report.figures import WorkerShare, cpu_over_time, lanes, typical, worker_shares
from bgremove.report.report import Contender, Report, Round, Span

_SHARES = {"start-up": ORANGE, "work": BLUE, "wait": SKY, "tail": GRID}
_MOST_BLOCKS = 400


def workers_plot(report: Report) -> Plot | None:
    """Where the time of each worker goes."""
    shares = [
        (f"{each.title}, worker {number}", share)
        for each in report.contenders
        for number, share in enumerate(worker_shares(typical(each)), 1)
    ]
    if not shares:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        left = [0.0] * len(shares)
        for index, (name, colour) in enumerate(_SHARES.items()):
            widths = [_parts(share)[index] for _, share in shares]
            axes.barh(range(len(shares)), widths, 0.66, left=left, color=colour, label=name)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        rows_axis(axes, [label for label, _ in shares])
        axes.set_xlabel("seconds")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, handlelength=1)

    rows = [(label, str(share.images), *(f"{part:.2f}" for part in _parts(share))) for label, share in shares]
    return Plot(
        "workers",
        "Where the time of the workers goes",
        "The round of median length. Start-up, work, waiting for an image in between, and the tail: idle at the end, "
        "while others still work.",
        Table(("worker", "images", *(f"{name}, s" for name in _SHARES)), tuple(rows)),
        1.1 + 0.3 * len(shares),
        draw,
    )


def _parts(share: WorkerShare) -> tuple[float, float, float, float]:
    return share.startup_s, share.work_s, share.wait_s, share.tail_s


def timeline_plot(report: Report) -> Plot | None:
    """A lane a worker, a block an image."""
    rounds = [(each, typical(each)) for each in report.contenders if lanes(typical(each))]
    if not rounds:
        return None
    count = sum(len(lanes(round_)) for _, round_ in rounds)

    def draw(figure: Figure) -> None:
        heights = [len(lanes(round_)) for _, round_ in rounds]
        every = figure.subplots(len(rounds), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (contender, round_) in zip(every, rounds, strict=True):
            _draw_lanes(axes, contender, round_)
        every[-1].set_xlim(0, max(round_.total_s for _, round_ in rounds))
        every[-1].set_xlabel("seconds since the round began")
        handles = [
            Patch(color=ORANGE, label="start-up"),
            Patch(color=BLUE, label="an image"),
            Patch(color=SKY, label="the next"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=1)

    rows = [
        (each.title, str(len(lanes(round_))), str(len(round_.spans)), f"{_tail_s(round_):.2f}", f"{round_.total_s:.2f}")
        for each, round_ in rounds
    ]
    return Plot(
        "timeline",
        "Timeline of the workers",
        "The round of median length: a lane is a worker, a block an image. A gap is idle time.",
        Table(("strategy", "workers", "images", "longest tail, s", "total, s"), tuple(rows)),
        1.1 + 0.5 * len(rounds) + 0.26 * count,
        draw,
    )


def _draw_lanes(axes: Axes, contender: Contender, round_: Round) -> None:
    own = lanes(round_)
    for lane, spans in enumerate(own.values()):
        merged = _merged(spans, round_.total_s)
        blocks(axes, [(0, round_.startup_s, lane + 0.1, lane - 0.1)], ORANGE)
        for parity, colour in enumerate((BLUE, SKY)):
            boxes = [(start, end, lane + 0.36, lane - 0.36) for start, end in merged[parity::2]]
            blocks(axes, boxes, colour)
    rows_axis(axes, [str(lane + 1) for lane in range(len(own))])
    axes.set_title(contender.title)


def _merged(spans: list[Span], total_s: float) -> list[tuple[float, float]]:
    """Intervals of work. Of very many, those are one that lie closer to each other than could be seen."""
    invisible_s = total_s / 2000 if len(spans) > _MOST_BLOCKS else -1.0
    found: list[tuple[float, float]] = []
    for span in spans:
        if found and span.started_s - found[-1][1] < invisible_s:
            found[-1] = found[-1][0], span.ended_s
        else:
            found.append((span.started_s, span.ended_s))
    return found


def _tail_s(round_: Round) -> float:
    return max((share.tail_s for share in worker_shares(round_)), default=0.0)


def load_plot(report: Report) -> Plot | None:
    """CPU utilisation and memory."""
    cpus = int(report.environment.get("usable_cpus") or 1)
    rounds = [(each, typical(each)) for each in report.contenders if len(typical(each).samples) > 1]
    if not rounds:
        return None

    def draw(figure: Figure) -> None:
        rows = figure.subplots(len(rounds), 2, sharex=True, sharey="col", squeeze=False)
        for (cpu, memory), (contender, round_) in zip(rows, rounds, strict=True):
            moments_s, used = cpu_over_time(round_, cpus)
            cpu.step([round_.startup_s, *moments_s], [*used[:1], *used], where="pre", color=BLUE, linewidth=1.4)
            cpu.set_ylim(0, 1.05)
            cpu.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            resident = [sample.rss_bytes / 1e6 for sample in round_.samples]
            memory.plot([sample.at_s for sample in round_.samples], resident, color=ORANGE, linewidth=1.4)
            cpu.set_title(f"{contender.title}: CPUs used")
            memory.set_title("memory, MB")
        for axes in rows[-1]:
            axes.set_xlabel("seconds since the round began")
        most = max(sample.rss_bytes for _, round_ in rounds for sample in round_.samples)
        rows[-1][1].set_ylim(0, 1.1 * most / 1e6)
        rows[-1][1].set_xlim(0, max(round_.total_s for _, round_ in rounds))

    table = [
        (
            each.title,
            f"{round_.cpu_utilisation:.0%}",
            f"{max(sample.rss_bytes for sample in round_.samples) / 1e6:.0f}",
            f"{round_.peak_memory_bytes / 1e6:.0f} ({round_.memory_metric.upper()})",
        )
        for each, round_ in rounds
    ]
    return Plot(
        "load",
        "CPUs and memory over time",
        f"The round of median length, from the end of start-up on; 100% is all of {cpus} usable CPUs. Memory is the "
        "sum of the resident sizes of all processes, in which what they share counts once for each.",
        Table(("strategy", "CPUs used", "most resident, MB", "peak, MB"), tuple(table)),
        0.9 + 1.25 * len(rounds),
        draw,
    )
