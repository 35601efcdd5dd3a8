"""The findings for people: a table in the terminal, Markdown for a pull request, annotations for GitHub."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..comparison import Result
from ..decide.estimate import FEWEST_BOUNDED
from ..decide.findings import CaseFinding, MetricFinding
from ..errors import GateError
from ..explain.profiles import Explanation
from ..settings import Settings

_COLOURS = {"regressed": "bold red", "improved": "green", "unchanged": "dim"}
_HEADER = ("case", "verdict", "metric", "head/base", "95% interval", "could see", "tolerance", "pairs")


def summary(result: Result) -> str:
    """One line: how many cases got which verdict."""
    verdicts = [finding.verdict for finding in result.findings]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    return f"{result.head} against {result.base}: {counts}"


def show(result: Result, explanations: Sequence[Explanation], console: Console) -> None:
    """Prints the table, what needs words, and the summary."""
    table = Table(*(Column(name, overflow="fold") for name in _HEADER))
    for finding in result.findings:
        for row in _rows(finding):
            table.add_row(*map(escape, row), style=_COLOURS.get(finding.verdict, "yellow"))
    console.print(table)
    for line in _words(result, explanations):
        console.print(line, markup=False, highlight=False)


def markdown(result: Result, explanations: Sequence[Explanation], settings: Settings) -> str:
    """The same as a comment for a pull request."""
    lines = [f"### benchgate: {summary(result)}", ""]
    lines += ["| " + " | ".join(_HEADER) + " |", "| --- " * 3 + "| ---: " * 5 + "|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for finding in result.findings for row in _rows(finding)]
    lines += ["", *(f"- {line}" for line in _words(result, explanations)[:-1])]
    lines += [
        f"- At most {100 * settings.rule.alpha:g}% of runs raise any false alarm; "
        "a case in which a loss as large as its tolerance could be hidden is inconclusive."
    ]
    return "\n".join(lines) + "\n"


def annotations(result: Result) -> Iterator[str]:
    """GitHub workflow commands: an error for each regressed case, a warning for each that was not decided."""
    for finding in result.findings:
        if finding.verdict not in {"unchanged", "improved"}:
            level = "error" if finding.verdict == "regressed" else "warning"
            file = finding.case.split("::", maxsplit=1)[0]
            yield f"::{level} file={file},title={finding.verdict}::{_escaped(f'{finding.case}: {reason(finding)}')}"


def failure(error: GateError) -> str:
    """The same for a run that found nothing."""
    return f"::error title=the gate could not compare::{_escaped(str(error))}"


def reason(finding: CaseFinding) -> str:
    """The verdict in words, with the numbers of the metrics that led to it."""
    figures = [_figures(metric) for metric in finding.metrics if metric.verdict == finding.verdict]
    return "; ".join([*filter(None, [finding.why]), *figures]) or finding.verdict


def _words(result: Result, explanations: Sequence[Explanation]) -> list[str]:
    told = [f"{f.verdict}: {f.case}: {reason(f)}" for f in result.findings if f.why or f.verdict == "regressed"]
    repeated = sum(finding.disturbed for finding in result.findings)
    disturbed = [f"{repeated} blocks were disturbed from outside and repeated"] if repeated else []
    grown = [line for explanation in explanations for line in _explained(explanation)]
    return [*told, *grown, *disturbed, *result.notes, summary(result)]


def _explained(explanation: Explanation) -> list[str]:
    functions = [f"grew in {explanation.case}: {growth}" for growth in explanation.growths]
    return [*functions, f"profile of {explanation.case}: {explanation.note}"]


def _rows(finding: CaseFinding) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            metric.verdict,
            metric.metric,
            f"{metric.ratio:.3f}" if metric.pairs else "",
            f"{metric.lower:.3f} to {metric.upper:.3f}" if metric.pairs >= FEWEST_BOUNDED else "",
            f"{metric.visible:+.1%}" if metric.pairs >= FEWEST_BOUNDED else "",
            "" if finding.tolerance is None else f"{100 * finding.tolerance:g}%",
            str(metric.pairs),
        )
        for metric in finding.metrics
    ] or [(finding.verdict, *[""] * (len(_HEADER) - 2))]
    return [(finding.case if index == 0 else "", *row) for index, row in enumerate(rows)]


def _figures(metric: MetricFinding) -> str:
    if not metric.pairs:
        return f"{metric.metric} not measured again"
    bounded = metric.pairs >= FEWEST_BOUNDED
    interval = f" ({metric.lower - 1:+.1%} to {metric.upper - 1:+.1%})" if bounded else f" ({metric.pairs} pairs)"
    return f"{metric.metric} {metric.ratio - 1:+.1%}{interval}"


def _cells(row: tuple[str, ...]) -> list[str]:
    return [cell.replace("|", r"\|") for cell in row]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
