"""The page: a small picture of every case, and the changes that were found, the gravest first."""

from collections.abc import Callable, Iterator, Sequence
from html import escape

from ..report.plain import plain
from .series import Change, Series

#: Size of one picture, and the space around its line, in pixels.
_WIDTH, _HEIGHT, _EDGE = 360, 90, 8
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
figure { display: inline-block; margin: 0 1rem 1rem 0; width: 360px; vertical-align: top }
figcaption { overflow-wrap: anywhere; font-size: 13px }
svg { background: color-mix(in srgb, currentColor 4%, transparent) }
polyline { fill: none; stroke: currentColor; stroke-width: 1.5 } circle { fill: currentColor }
.slower { color: #b3261e; fill: #b3261e } .faster { color: #1b6e3c; fill: #1b6e3c }
:root { color-scheme: light dark }
"""
#: What a commit is called on the page.
Name = Callable[[str], str]


def page(series: Sequence[Series], metric: str, notes: Sequence[str], name: Name) -> str:
    """The whole page as HTML, which needs nothing from elsewhere."""
    lines = ["<!doctype html>", '<html lang="en"><head><meta charset="utf-8"><title>benchgate: history</title>']
    lines += ['<meta name="viewport" content="width=device-width">', f"<style>{_STYLE}</style></head><body>"]
    lines += [f"<h1>How the cases went ({escape(metric)})</h1>", *_table(series, name)]
    lines += (_figure(each, name) for each in series)
    lines += (f"<p>{_text(note)}</p>" for note in notes)
    return "\n".join([*lines, "</body></html>"]) + "\n"


def in_words(series: Sequence[Series], name: Name) -> Iterator[str]:
    """The changes as lines of text, the gravest first."""
    for each, change in _changes(series):
        yield f"{each.case}: {change.ratio - 1:+.1%} {_when(each, change, name)}"


def _changes(series: Sequence[Series]) -> list[tuple[Series, Change]]:
    return sorted(((each, change) for each in series for change in each.changes), key=lambda found: -found[1].ratio)


def _when(series: Series, change: Change, name: Name) -> str:
    last = name(series.steps[change.last].head)
    if change.first == change.last:
        return f"with {last}"
    return f"in {change.last - change.first + 1} steps from {name(series.steps[change.first].head)} to {last}"


def _table(series: Sequence[Series], name: Name) -> list[str]:
    rows = [
        f'<tr class="{_kind(change)}"><td>{change.ratio - 1:+.1%}</td><td>{_text(each.case)}</td>'
        f"<td>{_text(_when(each, change, name))}</td></tr>"
        for each, change in _changes(series)
    ]
    if not rows:
        return ["<p>No case has changed.</p>"]
    return ["<table><tr><th>change</th><th>case</th><th>when</th></tr>", *rows, "</table>"]


def _figure(series: Series, name: Name) -> str:
    low, high = min(0.97, *series.levels, 1.0), max(1.03, *series.levels, 1.0)
    across = (_WIDTH - 2 * _EDGE) / max(len(series.levels), 1)
    changed = {change.last: change for change in series.changes}
    points = [(_EDGE, _y(1.0, low, high))]
    points += [(_EDGE + across * (at + 1), _y(level, low, high)) for at, level in enumerate(series.levels)]
    marks = []
    for at, ((x, y), level, step) in enumerate(zip(points[1:], series.levels, series.steps, strict=True)):
        kind = _kind(changed[at]) if at in changed else ""
        title = f"{name(step.head)}: {step.middle:+.1%} (±{1.96 * step.error:.1%}), level {level:.3f}"
        marks.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{4 if kind else 2}">')
        marks.append(f"<title>{_text(title)}</title></circle>")
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawing = f'<polyline points="{line}"/>{"".join(marks)}'
    label = f"{series.levels[-1] - 1:+.1%} since {name(series.steps[0].base)}"
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(f"{series.case}: {label}")}">'
        f"{drawing}</svg><figcaption>{_text(series.case)}<br>{_text(label)}</figcaption></figure>"
    )


def _kind(change: Change) -> str:
    return "slower" if change.ratio > 1 else "faster"


def _y(level: float, low: float, high: float) -> float:
    return _EDGE + (_HEIGHT - 2 * _EDGE) * (high - level) / (high - low)


def _text(text: str) -> str:
    return escape(plain(text))
