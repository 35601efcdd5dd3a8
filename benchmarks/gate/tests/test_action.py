"""The action of GitHub: what its scripts run, with programs that only pretend in place of benchgate and gh."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
#: Stands in for a program: notes its words, and does what `answers` says to the first that is among them.
PROGRAM = """#!{python}
import json, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
for word in sys.argv:
    if word.startswith("body=@"):
        shutil.copy(word.removeprefix("body=@"), here / "posted")
for words, status, said, file in json.loads((here / "answers").read_text()):
    if all(word in sys.argv for word in words):
        sys.stdout.write(said)
        if file:
            folder = pathlib.Path(sys.argv[sys.argv.index("--dir") + 1])
            folder.mkdir(parents=True)
            (folder / "gate.md").write_text(file)
        sys.exit(status)
"""


@dataclass
class Scripts:
    """Runs a script of the action where one program only pretends."""

    folder: Path
    answers: list[tuple[list[str], int, str, str]] = field(default_factory=list)

    def run(self, script: str, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        file = self.folder / program
        file.write_text(PROGRAM.format(python=sys.executable))
        file.chmod(0o755)
        (self.folder / "answers").write_text(json.dumps(self.answers))
        path = {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "GITHUB_OUTPUT": str(self.folder / "outputs")}
        return subprocess.run(
            [HERE / script], env=path | environment, cwd=self.folder, capture_output=True, text=True, check=False
        )

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


# --- measuring


def test_words_reach_the_command_as_they_were_written(scripts: Scripts) -> None:
    arguments = """tests/bench -k "encode and not 'x y'" --tolerance-of '*pool*=0.1' $(touch injected) `id`"""
    done = scripts.run("measure.sh", "benchgate", BASE="origin/main; id", ARGUMENTS=arguments, OUTPUT="out dir")
    assert done.returncode == 0, done.stderr
    assert scripts.calls == [[
        "--output", "out dir", "--base", "origin/main; id", "tests/bench", "-k", "encode and not 'x y'",
        "--tolerance-of", "*pool*=0.1", "$(touch", "injected)", "`id`",
    ]]  # fmt: skip
    assert not (scripts.folder / "injected").exists()


def test_what_is_not_given_is_not_passed_on(scripts: Scripts) -> None:
    assert scripts.run("measure.sh", "benchgate", OUTPUT="o").returncode == 0
    assert scripts.run("measure.sh", "benchgate", OUTPUT="o", BASE="", CONFIRM="first/gate.json").returncode == 0
    assert scripts.calls == [["--output", "o"], ["--output", "o", "--confirm", "first/gate.json"]]


def test_words_that_cannot_be_split_are_wrong_use_and_no_other_selection(scripts: Scripts) -> None:
    done = scripts.run("measure.sh", "benchgate", ARGUMENTS="tests/bench -k don't", OUTPUT="o")
    assert done.returncode == 2
    assert "is a quote open?" in done.stdout
    assert (scripts.folder / "outputs").read_text() == "status=2\n"
    assert not (scripts.folder / "calls").exists()
    assert scripts.run("measure.sh", "benchgate", ARGUMENTS=" \n", OUTPUT="o").returncode == 0
    assert scripts.calls == [["--output", "o"]], "white space is no word"


@pytest.mark.parametrize(("status", "regression", "ends"), [
    (0, "fail", 0), (1, "fail", 1), (1, "pass", 0), (2, "pass", 2), (3, "pass", 3), (130, "pass", 130),
])  # fmt: skip
def test_only_a_regression_may_be_left_to_a_later_job(
    status: int, regression: str, ends: int, scripts: Scripts
) -> None:
    scripts.answers = [([], status, "", "")]
    assert scripts.run("measure.sh", "benchgate", OUTPUT="o", REGRESSION=regression).returncode == ends
    assert (scripts.folder / "outputs").read_text() == f"status={status}\n"


# --- the comment

RUN = {"GH_REPO": "me/it", "RUN": "7", "HEAD": "you:topic", "ARTIFACTS": "confirmed gate"}
PULLS, COMMENTS = "repos/me/it/pulls", "repos/me/it/issues/12/comments"
NEVER = (["confirmed"], 1, "", "")
FOUND = (["run", "download", "gate"], 0, "", "### benchgate: 1 regressed, says @you\n")


def test_the_text_is_posted_and_then_updated_in_place(scripts: Scripts) -> None:
    scripts.answers = [([PULLS], 0, "12\n", ""), NEVER, FOUND]
    done = scripts.run("comment/post.sh", "gh", **RUN)
    assert done.returncode == 0, done.stderr
    assert {"POST", COMMENTS} <= {*scripts.calls[-1]}
    posted = (scripts.folder / "posted").read_text()
    assert posted.startswith("<!-- benchgate -->\n")
    assert "1 regressed, says @\u200byou" in posted, "nobody is mentioned"
    scripts.answers.append(([COMMENTS, "--paginate"], 0, "345\n", ""))
    assert scripts.run("comment/post.sh", "gh", **RUN).returncode == 0
    assert {"PATCH", "repos/me/it/issues/comments/345"} <= {*scripts.calls[-1]}
    assert "Bot" in " ".join(scripts.calls[-2]), "a comment of somebody who writes the marker is not touched"


def test_what_was_confirmed_comes_first(scripts: Scripts) -> None:
    scripts.answers = [([PULLS], 0, "12\n", ""), (["confirmed"], 0, "", "confirmed\n"), FOUND]
    assert scripts.run("comment/post.sh", "gh", **RUN).returncode == 0
    assert "confirmed\n" in (scripts.folder / "posted").read_text()


@pytest.mark.parametrize("answers", [[], [([PULLS], 0, "12\n", ""), NEVER, (["gate"], 1, "", "")]])
def test_where_there_is_nothing_to_post_nothing_is(
    answers: list[tuple[list[str], int, str, str]], scripts: Scripts
) -> None:
    scripts.answers = answers
    done = scripts.run("comment/post.sh", "gh", **RUN)
    assert done.returncode == 0, done.stderr
    assert not (scripts.folder / "posted").exists()


@pytest.mark.parametrize("text", ["x", "@"])
def test_a_text_that_is_too_long_is_cut(text: str, scripts: Scripts) -> None:
    scripts.answers = [([PULLS], 0, "12\n", ""), NEVER, (["run", "download", "gate"], 0, "", text * 200_000)]
    assert scripts.run("comment/post.sh", "gh", **RUN).returncode == 0
    assert len((scripts.folder / "posted").read_text()) < 65536


# --- the files


@pytest.mark.parametrize("file", ["action.yml", "comment/action.yml"])
def test_what_a_workflow_gives_reaches_a_script_through_the_environment_alone(file: str) -> None:
    text = (HERE / file).read_text()
    assert re.findall(r"^ +run: .*\$\{\{.*", text, re.MULTILINE) == []
    named = set(re.findall(r"inputs\.(\w+)", text))
    declared = set(re.findall(r"^  (\w+):\n    description:", text[: text.index("runs:")], re.MULTILINE)) - {"status"}
    assert named == declared
