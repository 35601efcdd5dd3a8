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


@pytest.mark.parametrize("first_slow", range(7))
def test_commits_that_cannot_be_decided_are_left_out(
    first_slow: int, commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = {commit: int(index >= first_slow) for index, commit in enumerate(commits)}
    pretend(monkeypatch, statuses | {commits[2]: 3, commits[3]: 3})
    found = run(["bisect", "base", "HEAD"])
    last = capsys.readouterr().out.splitlines()[-1]
    if first_slow in {2, 3, 4}:
        assert found == 3
        assert last.startswith(f"slower since one from {commits[2][:7]} ")
        assert f" to {commits[4][:7]} " in last
    else:
        assert found == 0
        assert last.startswith(f"slower since {commits[first_slow][:7]}")


@pytest.mark.parametrize("status", [2, 130])
def test_wrong_use_and_an_interruption_end_the_search(
    status: int, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pretend(monkeypatch, dict.fromkeys(commits, status) | {commits[-1]: 1})
    assert run(["bisect", "base", "HEAD"]) == status
    assert len(asked) == 2


@pytest.mark.parametrize(("status", "ended"), [(0, 3), (3, 3), (2, 2)])
def test_a_bad_commit_that_is_not_slower_is_no_find(
    status: int,
    ended: int,
    commits: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = pretend(monkeypatch, {commits[-1]: status})
    assert run(["bisect", "base", "HEAD"]) == ended
    assert len(asked) == 1
    assert ("nothing to search for" in capsys.readouterr().out) == (ended == 3)


def test_no_way_from_good_to_bad_is_wrong_use(commits: list[str]) -> None:
    assert run(["bisect", "HEAD", "base"]) == 2
    assert run(["bisect", "base", "nowhere"]) == 2
