"""The findings for people: a table in the terminal, Markdown for a pull request, annotations for GitHub."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..comparison import Result
from ..decide.estimate import FEWEST_BOUNDED
from ..decide.findings import CaseFinding, MetricFinding
from ..errors import GateError
from ..explain.profiles import Explanation
from ..settings import Settings
from ..units import size_of, time_of
from .plain import flame_name, in_code_span, plain

#: Of cases that share a line of the report, so many are named.
MOST_NAMED = 3
_COLOURS = {"regressed": "bold red", "improved": "green", "unchanged": "dim"}
_HEADER = ("case", "verdict", "metric", "base", "head", "head/base", "95% interval", "could see", "tolerance", "pairs")


def summary(result: Result) -> str:
    """One line: how many cases got which verdict."""
    verdicts = [finding.verdict for finding in result.findings]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    return f"{result.head} against {result.base}: {counts or 'no case'}"


def show(result: Result, explanations: Sequence[Explanation], console: Console) -> None:
    """Prints the table, what needs words, and the summary."""
    table = Table(*(Column(name, overflow="fold") for name in _HEADER))
    for verdict, row in _table(result.findings):
        table.add_row(*(escape(plain(cell)) for cell in row), style=_COLOURS.get(verdict, "yellow"))
    console.print(table)
    for line in _words(result, explanations):
        console.print(plain(line), markup=False, highlight=False)


def markdown(result: Result, explanations: Sequence[Explanation], settings: Settings) -> str:
    """The same as a comment for a pull request."""
    lines = [f"### benchgate: {plain(summary(result))}", ""]
    lines += ["| " + " | ".join(_HEADER) + " |", "| --- " * 3 + "| ---: " * 7 + "|"]
    for _, (case, *cells) in _table(result.findings):
        lines.append("| " + " | ".join([in_code_span(case) if case else "", *map(_cell, cells)]) + " |")
    # else the names of functions, as <lambda>, are taken for tags and left out
    lines += ["", *(f"- {plain(line).replace('<', '&lt;')}" for line in _words(result, explanations)[:-1])]
    for explanation in explanations:
        if explanation.flame:
            lines.append(f"- [flame graph]({flame_name(explanation.case)}) of {in_code_span(explanation.case)}")
    lines += [
        f"- At most {100 * settings.rule.alpha:g}% of runs raise any false alarm; "
        "a case in which a loss as large as its tolerance could be hidden is inconclusive."
    ]
    return "\n".join(lines) + "\n"


def annotations(result: Result) -> Iterator[str]:
    """GitHub workflow commands: an error for each regressed case, a warning for those that were not decided."""
    for finding in result.findings:
        if finding.verdict == "regressed":
            yield _annotation("error", [finding])
    undecided = [
        finding for finding in result.findings if finding.verdict not in {"regressed", "unchanged", "improved"}
    ]
    for _, alike in groupby(sorted(undecided, key=_line_of), key=_line_of):
        yield _annotation("warning", list(alike))


def failure(error: Exception) -> str:
    """The same for a run that found nothing."""
    title = "the gate could not compare" if isinstance(error, GateError) else "the gate was stopped"
    return f"::error title={title}::{_escaped(str(error))}"


def reason(finding: CaseFinding) -> str:
    """The verdict in words, with the numbers of the metrics that led to it."""
    figures = [_figures(metric) for metric in finding.metrics if metric.verdict == finding.verdict]
    return "; ".join([*filter(None, [finding.why]), *figures]) or finding.verdict


def disturbed(result: Result) -> Iterator[str]:
    """How many measurements do not count, if any."""
    if count := sum(finding.disturbed for finding in result.findings):
        were = "measurements were" if count != 1 else "measurement was"
        yield f"{count} {were} disturbed from outside and {'do' if count != 1 else 'does'} not count"


def _annotation(level: str, alike: Sequence[CaseFinding]) -> str:
    file = alike[0].case.split("::", maxsplit=1)[0]
    names = _names([finding.case for finding in alike])
    return f"::{level} file={file},title={alike[0].verdict}::{_escaped(f'{names}: {reason(alike[0])}')}"


def _line_of(finding: CaseFinding) -> tuple[str, str]:
    """What the report says of a case beside its name: equal lines are said once."""
    return finding.verdict, reason(finding)


def _names(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - MOST_NAMED} more" if len(cases) > MOST_NAMED else ""
    return ", ".join(cases[:MOST_NAMED]) + more


def _words(result: Result, explanations: Sequence[Explanation]) -> list[str]:
    told = [finding for finding in result.findings if finding.why or finding.verdict == "regressed"]
    alike = {line: [finding.case for finding in told if _line_of(finding) == line] for line in map(_line_of, told)}
    lines = [f"{verdict}: {_names(cases)}: {why}" for (verdict, why), cases in alike.items()]
    grown = [line for explanation in explanations for line in _explained(explanation)]
    return [*lines, *grown, *disturbed(result), *result.notes, *filter(None, [result.stopped]), summary(result)]


def _explained(explanation: Explanation) -> list[str]:
    functions = [f"grew in {explanation.case}: {growth}" for growth in explanation.growths]
    return [*functions, f"profile of {explanation.case}: {explanation.note}"]


def _table(findings: Iterable[CaseFinding]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Rows with their verdicts; cases in a row of which nothing is known but an equal line share one."""
    for (measured, line), alike in groupby(findings, key=lambda finding: (bool(finding.metrics), _line_of(finding))):
        cases = list(alike)
        if measured:
            yield from ((row[1], row) for finding in cases for row in _rows(finding))
        else:
            yield line[0], (_names([finding.case for finding in cases]), line[0], *[""] * (len(_HEADER) - 2))


def _rows(finding: CaseFinding) -> Iterator[tuple[str, ...]]:
    for index, metric in enumerate(finding.metrics):
        bounded = metric.pairs >= FEWEST_BOUNDED
        yield (
            finding.case if index == 0 else "",
            metric.verdict,
            metric.metric,
            amount(metric.base, metric),
            amount(metric.head, metric),
            f"{metric.ratio:.3f}" if metric.pairs else "",
            f"{metric.lower:.3f} to {metric.upper:.3f}" if bounded else "",
            f"{metric.visible:+.1%}" if bounded else "",
            "" if finding.tolerance is None else f"{100 * finding.tolerance:g}%",
            str(metric.pairs),
        )


def amount(value: float | None, metric: MetricFinding) -> str:
    """Seconds or bytes of a metric, in the unit that suits; nothing where there are none."""
    if value is None:
        return ""
    return size_of(value) if metric.metric == "memory" else time_of(value)


def change(metric: MetricFinding) -> str:
    """The change of head against base in percent; nothing where nothing was measured."""
    return f"{metric.ratio - 1:+.1%}" if metric.pairs else ""


def interval(metric: MetricFinding) -> str:
    """What the change may be; nothing where too few pairs bound it."""
    return f"{metric.lower - 1:+.1%} to {metric.upper - 1:+.1%}" if metric.pairs >= FEWEST_BOUNDED else ""


def _figures(metric: MetricFinding) -> str:
    if not metric.pairs:
        return f"{metric.metric} not measured again"
    return f"{metric.metric} {change(metric)} ({interval(metric) or _pairs(metric.pairs)})"


def _pairs(count: int) -> str:
    return f"{count} pairs" if count != 1 else "1 pair"


def _cell(text: str) -> str:
    return plain(text).replace("|", r"\|")


def _escaped(text: str) -> str:
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
