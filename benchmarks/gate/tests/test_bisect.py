"""Since which commit: the search, on comparisons that only pretend, and that it compares what it should."""

import pytest

from benchgate import compare
from benchgate.cli import run
from benchgate.revisions import halving
from gate_toy import Toy


@pytest.fixture
def commits(toy: Toy) -> list[str]:
    return [toy.commit({"toy.py": f"number = {number}\n"}) for number in range(7)]


def pretend(
    monkeypatch: pytest.MonkeyPatch, statuses: dict[str, int], definitions: tuple[str, ...] = ()
) -> list[list[str]]:
    asked: list[list[str]] = []

    def compared(arguments: list[str]) -> tuple[int, tuple[str, ...]]:
        asked.append(arguments)
        return statuses[arguments[3]], definitions

    monkeypatch.setattr(compare, "compared", compared)
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


def test_an_interruption_ends_the_search(commits: list[str], monkeypatch: pytest.MonkeyPatch, toy: Toy) -> None:
    asked = pretend(monkeypatch, dict.fromkeys(commits, 130) | {commits[-1]: 1})
    assert run(["bisect", "base", "HEAD"]) == 130
    assert len(asked) == 2
    assert len(toy.git("worktree", "list").splitlines()) == 1
    assert toy.git("for-each-ref", "refs/bisect") == ""


def test_a_commit_that_lacks_what_is_asked_for_is_left_out(
    commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = dict.fromkeys(commits[4:], 1) | {commits[2]: 0, commits[3]: 2}
    pretend(monkeypatch, statuses, definitions=("bench",))
    assert run(["bisect", commits[1], "HEAD"]) == 3
    assert f"slower since one from {commits[3][:7]} (change) to {commits[4][:7]} " in capsys.readouterr().out


def test_a_bisection_of_the_user_s_own_stays_as_it_is(
    commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toy: Toy
) -> None:
    toy.git("bisect", "start", "HEAD", "base")
    toy.git("bisect", "skip")

    def state() -> list[str]:
        questions = ("bisect log", "for-each-ref", "rev-parse HEAD", "worktree list", "status", "bisect view --oneline")
        return [toy.git(*question.split()) for question in questions]

    before = state()
    pretend(monkeypatch, {commit: int(index >= 3) for index, commit in enumerate(commits)})
    assert run(["bisect", "base", commits[-1]]) == 0
    assert f"slower since {commits[3][:7]}" in capsys.readouterr().out
    assert state() == before


def test_in_a_hook_its_variables_of_git_lead_nowhere(
    commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, {commit: int(index >= 3) for index, commit in enumerate(commits)})
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_BISECT_SKIPPED"):
        monkeypatch.setenv(name, "nowhere")
    assert run(["bisect", "base", commits[-1]]) == 0
    assert f"slower since {commits[3][:7]}" in capsys.readouterr().out


def test_what_git_says_is_told_where_it_cannot_go_on(
    commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toy: Toy
) -> None:
    pretend(monkeypatch, dict.fromkeys(commits, 1))
    monkeypatch.setattr(halving, "_STEP", "exit 200")
    assert run(["bisect", "base", "HEAD"]) == 3
    assert "error: git bisect run failed: error: bisect run failed: exit code 200" in capsys.readouterr().out
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_a_message_of_a_commit_is_no_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toy: Toy
) -> None:
    toy.commit({"a.py": ""})
    toy.git("commit", "--amend", "--quiet", "-m", "judge this\n\njudge that\x1b[31m")
    slow = toy.git("rev-parse", "HEAD")
    pretend(monkeypatch, {slow: 1, toy.commit({"b.py": ""}): 1})
    assert run(["bisect", "base", "HEAD"]) == 0
    assert f"slower since {slow[:7]} (judge this)" in capsys.readouterr().out


def test_a_single_commit_is_compared_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toy: Toy
) -> None:
    slow = toy.commit({"a.py": ""})
    asked = pretend(monkeypatch, {slow: 1})
    assert run(["bisect", "base", "HEAD"]) == 0
    assert f"slower since {slow[:7]}" in capsys.readouterr().out
    assert len(asked) == 1


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


@pytest.mark.parametrize("given", [["--head", "base"], ["--base=HEAD~1"]])
def test_a_revision_that_would_replace_those_of_the_search_is_refused(
    given: list[str], commits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = pretend(monkeypatch, dict.fromkeys(commits, 1))
    assert run(["bisect", "base", "HEAD", *given]) == 2
    assert "leave out --base and --head" in capsys.readouterr().out
    assert asked == []


def test_no_way_from_good_to_bad_is_wrong_use(commits: list[str]) -> None:
    assert run(["bisect", "HEAD", "base"]) == 2
    assert run(["bisect", "base", "nowhere"]) == 2


def test_every_commit_is_measured_with_the_cases_of_the_bad_one(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, slow = (toy.commit({"toy.py": f"number = {number}\n", "bench/old.py": ""}) for number in range(2))
    toy.commit({"bench/bench_toy.py": "# renamed\n", "bench/old.py": None, "bench/new [1].py": ""})
    definitions = ("bench", "conftest.py", "pytest.ini")
    heads: list[str] = []
    bases: list[str] = []

    def compared(arguments: list[str]) -> tuple[int, tuple[str, ...]]:
        bases.append(arguments[1])
        heads.append(arguments[3])
        return int(toy.git("show", f"{heads[-1]}:toy.py") != "number = 0"), definitions

    monkeypatch.setattr(compare, "compared", compared)
    before = toy.git("status", "--porcelain")
    assert run(["bisect", "base", "HEAD"]) == 0
    assert f"slower since {slow[:7]}" in capsys.readouterr().out
    files = ["bench/bench_toy.py", "bench/new [1].py", "pytest.ini", "toy.py"]
    for commit in heads + bases[1:]:
        assert toy.git("ls-tree", "-r", "--name-only", commit).splitlines() == files
        assert toy.git("show", f"{commit}:bench/bench_toy.py") == "# renamed"
    assert fine not in heads
    assert toy.git("status", "--porcelain") == before


def merged(toy: Toy, name: str, *files: dict[str, str | None]) -> list[str]:
    """The commits of a branch that is made of so many changes and merged, and the merge."""
    toy.git("checkout", "--quiet", "-b", name)
    made = [toy.commit(each) for each in files]
    toy.git("checkout", "--quiet", "main")
    toy.commit({f"meanwhile-{name}.py": ""})
    toy.git("merge", "--quiet", "--no-ff", "-m", f"merge {name}", name)
    return [*made, toy.git("rev-parse", "HEAD")]


@pytest.mark.parametrize("slower", ["first", "second", "merge"])
def test_of_a_merge_it_is_said_which_of_the_merged_commits_it_is(
    slower: str, toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = toy.git("rev-parse", "HEAD")
    first, second, merge = merged(toy, "topic", {"a.py": ""}, {"b.py": ""})
    after = toy.commit({"c.py": ""})
    slow = {"first": [first, second], "second": [second], "merge": []}[slower]
    statuses = dict.fromkeys([merge, after, *slow], 1)
    commits = toy.git("rev-list", "HEAD").splitlines()
    asked = pretend(monkeypatch, {commit: statuses.get(commit, 0) for commit in commits})
    assert run(["bisect", "base", "HEAD"]) == 0
    found = {"first": first, "second": second, "merge": merge}[slower]
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"slower since {found[:7]} (")
    assert ["--base", start, "--head", second] in asked, "what was merged is compared with where it began"


def test_what_came_from_the_main_branch_is_not_blamed_on_the_branch_that_took_it(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.git("checkout", "--quiet", "-b", "topic")
    old = toy.commit({"a.py": ""})
    toy.git("checkout", "--quiet", "main")
    toy.commit({"quicker.py": ""})
    toy.git("checkout", "--quiet", "topic")
    toy.git("merge", "--quiet", "--no-ff", "-m", "take", "main")
    slow = toy.commit({"b.py": ""})
    toy.git("checkout", "--quiet", "main")
    toy.git("merge", "--quiet", "--no-ff", "-m", "merge topic", "topic")
    commits = toy.git("rev-list", "HEAD").splitlines()
    pretend(monkeypatch, {commit: int(commit in {slow, old, commits[0]}) for commit in commits})
    assert run(["bisect", "base", "HEAD"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"slower since {slow[:7]} (")


def test_a_merge_within_what_was_merged_is_searched_too(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.git("checkout", "--quiet", "-b", "outer")
    toy.commit({"a.py": ""})
    toy.git("checkout", "--quiet", "-b", "inner")
    slow, after = toy.commit({"b.py": ""}), toy.commit({"c.py": ""})
    toy.git("checkout", "--quiet", "outer")
    toy.commit({"d.py": ""})
    toy.git("merge", "--quiet", "--no-ff", "-m", "merge inner", "inner")
    inside = toy.git("rev-parse", "HEAD")
    toy.git("checkout", "--quiet", "main")
    toy.commit({"e.py": ""})
    toy.git("merge", "--quiet", "--no-ff", "-m", "merge outer", "outer")
    commits = toy.git("rev-list", "HEAD").splitlines()
    pretend(monkeypatch, {commit: int(commit in {slow, after, inside, commits[0]}) for commit in commits})
    assert run(["bisect", "base", "HEAD"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"slower since {slow[:7]} (")


def test_a_merge_of_another_history_is_named_itself(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.git("checkout", "--quiet", "--orphan", "other")
    other = toy.commit({"a.py": ""})
    toy.git("checkout", "--quiet", "main")
    toy.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "merge other", "other")
    merge = toy.git("rev-parse", "HEAD")
    pretend(monkeypatch, {merge: 1, other: 0})
    assert run(["bisect", "base", "HEAD"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"slower since {merge[:7]} (merge other)")


def test_where_good_is_on_another_branch_it_may_have_become_quicker(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fork, *commits = (toy.commit({"toy.py": f"number = {number}\n"}) for number in range(5))
    toy.git("checkout", "--quiet", "-b", "topic", fork)
    good = toy.commit({"quicker.py": ""})
    asked = pretend(monkeypatch, dict.fromkeys([fork, *commits], 1))
    assert run(["bisect", "topic", "main"]) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{fork[:7]} (change), where the two part, is as slow: it is {good[:7]} (change)")
    assert len(asked) == 2
