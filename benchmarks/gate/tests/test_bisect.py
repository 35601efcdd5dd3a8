"""Since which commit: the search, on comparisons that only pretend, and that it compares what it should."""

import pytest

from benchgate import compare
from benchgate.cli import run
from gate_toy import Toy


@pytest.fixture
def commits(toy: Toy) -> list[str]:
    return [toy.commit({"toy.py": f"number = {number}\n"}) for number in range(7)]


def pretend(monkeypatch: pytest.MonkeyPatch, statuses: dict[str, int]) -> list[list[str]]:
    asked: list[list[str]] = []

    def compared(arguments: list[str]) -> int:
        asked.append(arguments)
        return statuses[arguments[3]]

    monkeypatch.setattr(compare, "run", compared)
    return asked


@pytest.mark.parametrize("first_slow", range(7))
def test_the_first_slower_commit_is_found_in_few_comparisons(
    first_slow: int, commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toy: Toy
) -> None:
    asked = pretend(monkeypatch, {commit: int(index >= first_slow) for index, commit in enumerate(commits)})
    assert run(["bisect", "base", "HEAD", "bench", "-k", "work"]) == 0
    assert f"slower since {commits[first_slow][:7]}" in capsys.readouterr().out
    assert len(asked) <= 4
    assert all(words[:2] == ["--base", toy.git("rev-parse", "base")] for words in asked)
    assert all(words[4:] == ["bench", "-k", "work"] for words in asked)


def test_what_cannot_be_decided_ends_the_search_with_what_is_known(
    commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, dict.fromkeys(commits, 3) | {commits[-1]: 1})
    assert run(["bisect", "base", "HEAD"]) == 3
    shown = capsys.readouterr().out
    assert f"it is between {commits[0][:7]}" in shown
    assert commits[-1][:7] in shown.splitlines()[-1]


@pytest.mark.parametrize(("status", "ended"), [(0, 3), (3, 3), (2, 2)])
def test_a_bad_commit_that_is_not_slower_is_no_find(
    status: int, ended: int, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pretend(monkeypatch, {commits[-1]: status})
    assert run(["bisect", "base", "HEAD"]) == ended
    assert len(asked) == 1


def test_no_way_from_good_to_bad_is_wrong_use(commits: list[str]) -> None:
    assert run(["bisect", "HEAD", "base"]) == 2
    assert run(["bisect", "base", "nowhere"]) == 2
