"""The page: a small picture of every case, and the changes that were found, the gravest first."""

from collections.abc import Callable, Iterator, Sequence

from ..report.document import document, table, text
from .series import Change, Series

#: Size of one picture, and the space around its line, in pixels.
_WIDTH, _HEIGHT, _EDGE = 360, 90, 8
#: What a commit is called on the page.
Name = Callable[[str], str]


def page(series: Sequence[Series], metric: str, notes: Sequence[str], name: Name) -> str:
    """The whole page as HTML, which needs nothing from elsewhere."""
    changed = len({each.case for each, _ in _changes(series)})
    answer = f"{changed} of {len(series)} cases changed" if changed else "No case has changed"
    sections = [
        ("changes", "Changes", _table(series, name)),
        ("cases", f"How the cases went ({metric})", (_figure(each, name) for each in series)),
        ("kept", "What is kept", (f"<p>{text(note)}</p>" for note in notes)),
    ]
    return document("benchgate: history", answer, sections)


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
        f'<tr class="{_kind(change)}"><th scope="row">{change.ratio - 1:+.1%}</th>'
        f'<td class="words">{text(each.case)}</td><td class="words">{text(_when(each, change, name))}</td></tr>'
        for each, change in _changes(series)
    ]
    return table("The gravest first", ("change", "case", "when"), rows) if rows else []


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
        marks.append(f"<title>{text(title)}</title></circle>")
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawing = f'<polyline class="bar" points="{line}"/>{"".join(marks)}'
    label = f"{series.levels[-1] - 1:+.1%} since {name(series.steps[0].base)}"
    said = text(f"{series.case}: {label}")
    return (
        f'<figure class="small"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">'
        f"{drawing}</svg><figcaption>{text(series.case)}<br>{text(label)}</figcaption></figure>"
    )


def _kind(change: Change) -> str:
    return "slower" if change.ratio > 1 else "faster"


def _y(level: float, low: float, high: float) -> float:
    return _EDGE + (_HEIGHT - 2 * _EDGE) * (high - level) / (high - low)
