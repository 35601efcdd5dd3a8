"""The findings for people: a table in the terminal, Markdown for a pull request, annotations for GitHub."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import PurePosixPath

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..comparison import Result
from ..decide.estimate import FEWEST_BOUNDED
from ..decide.findings import APART, FEWEST_SHOWN, PASSED, CaseFinding, MetricFinding
from ..errors import GateError
from ..explain.profiles import Explanation
from ..settings import Settings
from ..units import size_of, time_of
from .plain import flame_name, in_code_span, plain

#: Of cases that share a line of the report, so many are named.
MOST_NAMED = 3
_COLOURS = {"regressed": "bold red", "improved": "green", "unchanged": "dim", "new": "cyan", "skipped": "cyan"}
_HEADER = ("case", "verdict", "metric", "base", "head", "head/base", "95% interval", "could see", "tolerance", "pairs")
#: Columns of a terminal below which ids of cases and verdicts would be cut into pieces, and what is shown there first.
_NARROW = 140
_BY_WEIGHT = ("verdict", "metric", "head/base", "95% interval", "pairs", "base", "head", "could see", "tolerance")


def summary(result: Result) -> str:
    """One line: how many cases got which verdict."""
    verdicts = [finding.verdict for finding in result.findings]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    return f"{result.head} against {result.base}: {counts or 'no case'}"


def show(result: Result, explanations: Sequence[Explanation], console: Console) -> None:
    """Prints the table, what needs words, and the summary."""
    rows = [(_COLOURS.get(verdict, "yellow"), tuple(map(plain, row))) for verdict, row in _table(result.findings)]
    if console.width < _NARROW:
        for style, line in _lines(rows, console.width):
            console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    else:
        table = Table(*(Column(name, overflow="fold") for name in _HEADER))
        for style, row in rows:
            table.add_row(*map(escape, row), style=style)
        console.print(table)
    for line in _words(result, explanations, str, str):
        console.print(plain(line), markup=False, highlight=False)


def _lines(rows: Sequence[tuple[str, tuple[str, ...]]], width: int) -> Iterator[tuple[str, str]]:
    """The table in lines of a terminal that is too narrow for it, each with its style: a case has a line of its own.

    Below it are as many columns as fit.
    """
    widths = [max(map(len, cells)) for cells in zip(_HEADER, *(row for _, row in rows), strict=True)]
    shown: list[int] = []
    for name in _BY_WEIGHT:
        column = _HEADER.index(name)
        if sum(widths[each] + 2 for each in [*shown, column]) <= width:
            shown.append(column)
    shown.sort()
    for style, row in [("bold", _HEADER), *rows]:
        if row[0]:
            yield style, row[0]
        yield style, "".join(f"  {row[column]:{widths[column]}}" for column in shown).rstrip()


def markdown(result: Result, explanations: Sequence[Explanation], settings: Settings) -> str:
    """The same as a comment for a pull request."""
    lines = [f"### benchgate: {plain(summary(result))}", ""]
    lines += ["| " + " | ".join(_HEADER) + " |", "| --- " * 3 + "| ---: " * 7 + "|"]
    for _, row in _table(result.findings, in_code_span):
        lines.append("| " + " | ".join(map(_cell, row)) + " |")
    lines += ["", *(f"- {line}" for line in _words(result, explanations, in_code_span, _unmarked)[:-1])]
    lines += [f"- {_flame(explanation.case)}" for explanation in explanations if explanation.flame]
    lines += [
        f"- At most {100 * settings.rule.alpha:g}% of runs raise any false alarm; "
        "a case in which a loss as large as its tolerance could be hidden is inconclusive."
    ]
    return "\n".join(lines) + "\n"


def _flame(case: str) -> str:
    """Where a flame graph is: beside the report, or of which run, since a comment on GitHub has nothing beside it."""
    name, of_case = flame_name(case), in_code_span(case)
    server, repository, run = (os.environ.get(f"GITHUB_{part}") for part in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if not run:
        return f"[flame graph]({name}) of {of_case}"
    return f"flame graph of {of_case}: {name} in the artifact of [this run]({server}/{repository}/actions/runs/{run})"


def _unmarked(text: str) -> str:
    """Text in which Markdown takes nothing for a tag, as the names of functions like <lambda>."""
    return plain(text).replace("<", "&lt;")


def annotations(result: Result) -> Iterator[str]:
    """GitHub workflow commands: an error for each regressed case, a warning for those that were not decided.

    What is new or skipped is a notice.
    """
    for finding in result.findings:
        if finding.verdict == "regressed":
            yield _annotation("error", [finding], result.rootdir)
    others = [finding for finding in result.findings if finding.verdict not in {"regressed", *PASSED}]
    for (verdict, _), alike in groupby(sorted(others, key=_line_of), key=_line_of):
        yield _annotation("notice" if verdict in APART else "warning", list(alike), result.rootdir)


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


def _nothing(result: Result) -> Iterator[str]:
    if result.findings and all(finding.verdict in APART for finding in result.findings):
        yield "nothing was compared: all cases are new or skipped, so that this is no pass"


def _annotation(level: str, alike: Sequence[CaseFinding], rootdir: str) -> str:
    file = PurePosixPath(rootdir, alike[0].case.partition("::")[0])  # GitHub's count from the root of the repository
    names = _names([finding.case for finding in alike])
    return f"::{level} file={file},title={alike[0].verdict}::{_escaped(f'{names}: {reason(alike[0])}')}"


def _line_of(finding: CaseFinding) -> tuple[str, str]:
    """What the report says of a case beside its name: equal lines are said once."""
    return finding.verdict, reason(finding)


def _names(cases: Sequence[str], name: Callable[[str], str] = str) -> str:
    more = f" and {len(cases) - MOST_NAMED} more" if len(cases) > MOST_NAMED else ""
    return ", ".join(map(name, cases[:MOST_NAMED])) + more


def _words(
    result: Result, explanations: Sequence[Explanation], name: Callable[[str], str], other: Callable[[str], str]
) -> list[str]:
    """Lines beside the table; what has a name is written by `name`, and `other` text so."""
    told = [finding for finding in result.findings if finding.why or finding.verdict == "regressed"]
    alike = {line: [finding.case for finding in told if _line_of(finding) == line] for line in map(_line_of, told)}
    lines = [f"{verdict}: {_names(cases, name)}: {other(why)}" for (verdict, why), cases in alike.items()]
    for explanation in explanations:
        case = name(explanation.case)
        lines += [f"grew in {case}: {name(each.function)}: {each.figures}" for each in explanation.growths]
        lines.append(f"profile of {case}: {other(explanation.note)}")
    rest = [*disturbed(result), *_nothing(result), *result.notes, *filter(None, [result.stopped]), summary(result)]
    return [*lines, *map(other, rest)]


def _table(findings: Iterable[CaseFinding], name: Callable[[str], str] = str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Rows with their verdicts; cases in a row of which nothing is known but an equal line share one."""
    for (measured, line), alike in groupby(findings, key=lambda finding: (bool(finding.metrics), _line_of(finding))):
        cases = list(alike)
        if measured:
            yield from ((row[1], row) for finding in cases for row in _rows(finding, name))
        else:
            yield line[0], (_names([finding.case for finding in cases], name), line[0], *[""] * (len(_HEADER) - 2))


def _rows(finding: CaseFinding, name: Callable[[str], str]) -> Iterator[tuple[str, ...]]:
    for index, metric in enumerate(finding.metrics):
        yield (
            name(finding.case) if index == 0 else "",
            metric.verdict,
            metric.metric,
            amount(metric.base, metric),
            amount(metric.head, metric),
            f"{metric.ratio:.3f}" if metric.pairs else "",
            _ends(metric, f"{metric.lower:.3f}", f"{metric.upper:.3f}"),
            f"{metric.visible:+.1%}" if metric.pairs >= FEWEST_BOUNDED else "",
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
    """What the change may be; of too few pairs to bound it the lowest and the highest, and nothing of a single one."""
    return _ends(metric, f"{metric.lower - 1:+.1%}", f"{metric.upper - 1:+.1%}")


def _ends(metric: MetricFinding, lower: str, upper: str) -> str:
    if metric.pairs < 2:
        return ""
    return f"{lower} to {upper}" + (
        "" if metric.pairs >= FEWEST_SHOWN else f", the lowest and highest of {metric.pairs}"
    )


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
