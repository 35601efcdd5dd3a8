"""The report as a page: the gravest first, every interval drawn, flame graphs of what regressed within it."""

import math
from collections.abc import Iterator, Sequence

from ..comparison import Result
from ..decide.estimate import FEWEST_BOUNDED
from ..decide.findings import APART, FEWEST_SHOWN, GRAVITY, PASSED, CaseFinding, MetricFinding
from ..explain.profiles import Explanation
from ..settings import Settings
from .document import document, table, text
from .text import amount, change, disturbed, interval, reason, summary

_HEADINGS = (
    "case", "verdict", "metric", "base", "head", "change", "95% interval", "drawn", "could see", "tolerance", "pairs",
)  # fmt: skip
#: Size of the drawing of one interval in pixels, and the change at its edge, as a log ratio: at least the first, or
#: as many times the tolerance; what lies beyond is cut off.
_WIDTH, _HEIGHT = 150, 20
_EDGE, _TOLERANCES = math.log(1.10), 3


def page(result: Result, explanations: Sequence[Explanation], settings: Settings) -> str:
    """The whole page as HTML."""
    findings = sorted(result.findings, key=_gravity)
    sections = [
        ("verdicts", "Verdicts", _verdicts(findings, result)),
        ("cases", "Cases", [*_cases(findings, settings), *_words(findings)]),
    ]
    if explanations:
        sections.append(("functions", "Where the time went", _functions(explanations)))
    sections.append(("run", "What was measured", _run(result, settings)))
    return document(f"benchgate: {result.head} against {result.base}", _answer(findings, result), sections)


def _gravity(finding: CaseFinding) -> tuple[int, float]:
    largest = max((metric.ratio for metric in finding.metrics if metric.verdict == finding.verdict), default=1.0)
    return GRAVITY.index(finding.verdict), -largest


def _answer(findings: Sequence[CaseFinding], result: Result) -> str:
    regressed = [finding for finding in findings if finding.verdict == "regressed"]
    open_ = [finding for finding in findings if finding.verdict not in {"regressed", *PASSED, *APART}]
    left = f"; {len(open_)} not decided" if open_ else ""
    for verdict in sorted(APART):
        left += f"; {count} {verdict}" if (count := sum(finding.verdict == verdict for finding in findings)) else ""
    if regressed:
        return (
            f"{len(regressed)} of {_count(findings)} regressed, first {regressed[0].case}: {reason(regressed[0])}{left}"
        )
    if not findings:
        return "No case was judged"
    return f"Nothing regressed of {_count(findings)}{left}{', and the run was stopped' if result.stopped else ''}"


def _count(findings: Sequence[CaseFinding]) -> str:
    return f"{len(findings)} cases" if len(findings) != 1 else "1 case"


def _verdicts(findings: Sequence[CaseFinding], result: Result) -> Iterator[str]:
    counts = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in GRAVITY}
    yield '<ul class="cards">'
    for verdict, count in counts.items():
        if count:
            yield f'<li><strong class="{verdict}">{count}</strong> {verdict}</li>'
    yield f"<li><strong>{len(result.pairs)}</strong> pairs</li>\n</ul>"


def _cases(findings: Sequence[CaseFinding], settings: Settings) -> list[str]:
    rows = [row for finding in findings for row in _rows(finding, settings.rule.tolerance)]
    caption = "The gravest first; change is head against base, and the dashed lines are at the tolerance"
    return table(caption, _HEADINGS, rows)


def _rows(finding: CaseFinding, usual: float) -> Iterator[str]:
    if not finding.metrics:
        nothing = "<td></td>" * (len(_HEADINGS) - 2)
        name, verdict = text(finding.case), finding.verdict
        yield f'<tr class="{verdict}"><th scope="row">{name}</th><td>{verdict}</td>{nothing}</tr>'
    tolerance = finding.tolerance or usual
    for index, metric in enumerate(finding.metrics):
        cells = [metric.verdict, metric.metric, amount(metric.base, metric), amount(metric.head, metric)]
        cells += [change(metric), interval(metric)]
        visible = f"{metric.visible:+.1%}" if metric.pairs >= FEWEST_BOUNDED else ""
        last = [visible, f"{100 * tolerance:g}%", str(metric.pairs)]
        yield (
            f'<tr class="{metric.verdict}"><th scope="row">{text(finding.case) if index == 0 else ""}</th>'
            + "".join(f"<td>{text(cell)}</td>" for cell in cells)
            + f"<td>{_drawn(metric, tolerance) if metric.pairs else ''}</td>"
            + "".join(f"<td>{text(cell)}</td>" for cell in last)
            + "</tr>"
        )


def _drawn(metric: MetricFinding, tolerance: float) -> str:
    """The change as a point and its interval as a line; zero and the tolerance on both sides."""
    edge = max(_EDGE, _TOLERANCES * math.log1p(tolerance))

    def x(ratio: float) -> float:
        share = (math.log(ratio) if ratio > 0 else -math.inf) / edge
        return _WIDTH / 2 * (1 + min(max(share, -0.97), 0.97))

    lines = [
        f'<line class="{kind}" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="0" y2="{_HEIGHT}"/>'
        for kind, at in (("zero", 1.0), ("tolerance", 1 + tolerance), ("tolerance", 1 / (1 + tolerance)))
    ]
    if metric.pairs >= FEWEST_SHOWN:
        ends = f'x1="{x(metric.lower):.1f}" x2="{x(metric.upper):.1f}"'
        lines.append(f'<line class="bar" {ends} y1="{_HEIGHT / 2}" y2="{_HEIGHT / 2}"/>')
    said = text(f"{metric.metric} {change(metric)} {interval(metric)}")
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">'
        f'{"".join(lines)}<circle cx="{x(metric.ratio):.1f}" cy="{_HEIGHT / 2}" r="4"/></svg>'
    )


def _words(findings: Sequence[CaseFinding]) -> Iterator[str]:
    """Why cases are as they are, where that needs words; those of which the same is said, in one line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        if finding.why:
            alike.setdefault((finding.verdict, finding.why), []).append(finding.case)
    if alike:
        yield "<h3>Why</h3>\n<ul>"
        for (verdict, why), cases in alike.items():
            named = ", ".join(cases)
            yield f'<li><span class="{verdict}">{verdict}</span>: {text(why)}: {text(named)}</li>'
        yield "</ul>"


def _functions(explanations: Sequence[Explanation]) -> Iterator[str]:
    for explanation in explanations:
        yield f"<h3>{text(explanation.case)}</h3>\n<ul>"
        yield from (f"<li>{text(str(growth))}</li>" for growth in explanation.growths)
        yield "</ul>"
        caption = text(f"Flame graph of {explanation.case}: red grew, blue shrank. {explanation.note}")
        if explanation.flame:
            yield f'<figure><div class="scroll flame" tabindex="0" role="region" aria-label="{caption}">'
            yield f"{explanation.flame}</div>\n<figcaption>{caption}</figcaption></figure>"
        else:
            yield f"<p>{text(explanation.note)}</p>"


def _run(result: Result, settings: Settings) -> Iterator[str]:
    notes = [*result.notes, *([result.stopped] if result.stopped else []), *disturbed(result)]
    notes.append(
        f"{len(result.pairs)} pairs in {sum(pair.seconds for pair in result.pairs):.0f} s of a budget of "
        f"{settings.budget_s:g} s; at most {100 * settings.rule.alpha:g}% of runs raise any false alarm"
    )
    yield f"<p>{text(summary(result))}</p>\n<ul>"
    yield from (f"<li>{text(note)}</li>" for note in notes)
    yield "</ul>"
