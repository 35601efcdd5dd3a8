"""Stacks of sampled calls: parsing them, own time by function, and a flame graph of head coloured by its growth."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from ..units import time_of
from .names import Names

#: A call stack, outermost function first.
Stack = tuple[str, ...]
#: Seconds per call of the case that were spent with each stack.
Profile = Mapping[Stack, float]

_RECORD = re.compile(r"(.*?) (\d+)(?:\n|\Z)", re.DOTALL)
_PROCESS = re.compile(r'process \d+:".*";', re.DOTALL)
_PROCESS_ID = re.compile(r'process (\d+):"')  # a worker's stack starts with its parents', the arm first
_MAIN_THREAD = "<module> (<string>)"  # in a process started with -c; outermost but for frames of the interpreter
_WIDTH, _ROW = 1200, 18


def parse(raw: str, inside: str, arm_pid: int, names: Names) -> Counter[Stack]:
    """Samples by stack from py-spy's raw format, where command lines may contain newlines and semicolons.

    Files are named in full there, and by `names` here.

    Of the main thread of the process `arm_pid` only what was called by the function `inside` counts, without the stack
    around it; of its other threads and of the processes below it, everything that ran.
    """
    samples: Counter[Stack] = Counter()
    for text, count in _RECORD.findall(raw):
        label = _PROCESS.match(text)
        frames = tuple(map(names.function, text[label.end() if label else 0 :].split(";")))
        if label and _PROCESS_ID.findall(label.group())[-1] == str(arm_pid):
            starts = [index for index, frame in enumerate(frames) if frame.startswith(inside)]
            if starts or _MAIN_THREAD in frames:
                frames = frames[starts[-1] + 1 :] if starts else ()
        if frames:
            samples[frames] += int(count)
    return samples


def own_time(profile: Profile) -> dict[str, float]:
    """Seconds per call spent in each function itself, callees apart."""
    seconds: dict[str, float] = defaultdict(float)
    for stack, spent in profile.items():
        seconds[stack[-1]] += spent
    return dict(seconds)


@dataclass
class _Frame:
    name: str
    base_s: float = 0.0
    head_s: float = 0.0
    callees: "dict[str, _Frame]" = field(default_factory=dict)

    def add(self, stack: Stack, base_s: float, head_s: float) -> None:
        """Counts a stack below this frame; a loop, for stacks may be deeper than Python's own may be."""
        self.base_s += base_s
        self.head_s += head_s
        frame = self
        for name in stack:
            frame = frame.callees.setdefault(name, _Frame(name))
            frame.base_s += base_s
            frame.head_s += head_s


def svg(title: str, head: Profile, base: Profile | None = None, named: Sequence[str] = ()) -> str:
    """A flame graph: width is time in head, red grew and blue shrank against base; each frame's title has numbers.

    Without a base nothing is coloured, and the numbers are shares of the call. Functions that are `named` are outlined,
    and stand once more in a strip below, each as wide as all of its own time, which may be scattered over the graph.
    """
    alone = base is None
    base = head if base is None else base
    root = _Frame(title)
    for stack in {*base, *head}:
        root.add(stack, base.get(stack, 0.0), head.get(stack, 0.0))
    depth = 1 + max(map(len, (*base, *head)), default=0)
    height = (depth + 1 + bool(named)) * _ROW
    scale = _WIDTH / root.head_s if root.head_s else 0.0
    whole_s = root.base_s or root.head_s or 1.0
    strip = _strip(named, own_time(base), own_time(head), depth + 1, scale, whole_s)
    boxes = "\n".join([*_boxes(root, 0.0, 0, scale, whole_s, alone, frozenset(named)), *strip])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11">\n{boxes}\n</svg>\n'
    )


def _strip(
    named: Sequence[str], base: Mapping[str, float], head: Mapping[str, float], row: int, scale: float, whole_s: float
) -> Iterator[str]:
    """All own time of each named function in one box."""
    x = 0.0
    for name in named:
        frame = _Frame(name, base.get(name, 0.0), head.get(name, 0.0))
        yield from _boxes(frame, x, row, scale, whole_s, alone=False, named=frozenset(named))
        x += frame.head_s * scale


def _boxes(
    frame: _Frame, x: float, row: int, scale: float, whole_s: float, alone: bool, named: frozenset[str]
) -> Iterator[str]:
    """The frame and all below it that are wide enough to be seen."""
    left = [(frame, x, row)]
    while left:
        frame, x, row = left.pop()
        if frame.head_s * scale < 0.5:
            continue
        yield _box(frame, x, row, scale, whole_s, alone, named)
        for callee in sorted(frame.callees.values(), key=lambda callee: callee.name):
            left.append((callee, x, row + 1))
            x += callee.head_s * scale


def _box(frame: _Frame, x: float, row: int, scale: float, whole_s: float, alone: bool, named: frozenset[str]) -> str:
    width = frame.head_s * scale
    growth = (frame.head_s - frame.base_s) / whole_s
    share = f"{frame.head_s / whole_s:.1%} of the call" if alone else f"{growth:+.1%} of base's call"
    words = escape(f"{frame.name}: {time_of(frame.head_s)} a call, {share}")
    shown = escape(frame.name[: int(width / 6.5)])
    outline = ' stroke="black" stroke-width="2"' if frame.name in named else ""
    return (
        f'<g><title>{words}</title><rect x="{x:.1f}" y="{row * _ROW}" width="{width:.1f}" height="{_ROW - 1}" '
        f'fill="{_colour(growth)}"{outline}/><text x="{x + 3:.1f}" y="{row * _ROW + 13}">{shown}</text></g>'
    )


def _colour(growth: float) -> str:
    faded = round(235 - min(abs(growth) * 10, 1.0) * 155)
    return f"rgb(255,{faded},{faded})" if growth > 0 else f"rgb({faded},{faded},255)"
