"""That a file which both arms would find, by its path, is no way to measure the same twice."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import benchgate
from benchgate.cli import run
from benchgate.measure.places import Places
from benchgate.revisions.packages import Packages
from gate_toy import NO_TIME, SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

CASES = """
import os, shutil, sqlite3, subprocess, sys
from functools import cache
from pathlib import Path
import pytest
import toy

CHECKOUT, HERE = Path({root!r}), Path(toy.__file__).parent

@pytest.fixture(scope="session")
def kept():
    return (CHECKOUT / "data.txt").read_bytes()

@cache
def cached():
    return (CHECKOUT / "data.txt").read_bytes()

def forked():
    child = os.fork()
    if not child:
        cached()
        os._exit(0)
    os.waitpid(child, 0)

def started(*words, **options):
    subprocess.run(words, check=True, capture_output=True, **options)

def test_path(benchmark):
    benchmark((CHECKOUT / "data.txt").read_bytes)

def test_fixture(benchmark, kept):
    benchmark(toy.work, len(kept))

def test_fixture_again(benchmark, kept):
    benchmark(toy.work, len(kept))

def test_cached(benchmark):
    benchmark(cached)

def test_cached_again(benchmark):
    benchmark(cached)

def test_by_a_link(benchmark, tmp_path):
    (tmp_path / "link").symlink_to(CHECKOUT / "data.txt")
    benchmark((tmp_path / "link").read_bytes)

def test_from_another_folder(benchmark, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    benchmark(Path("data.txt").read_bytes)

def test_descriptor(benchmark):
    benchmark(lambda: os.close(os.open(os.fsencode(CHECKOUT / "data.txt"), os.O_RDONLY)))

def test_database(benchmark):
    benchmark(lambda: sqlite3.connect(CHECKOUT / "data.txt").close())

def test_forked(benchmark):
    benchmark(forked)

def test_python(benchmark):
    benchmark(started, sys.executable, "-c", f"open({{str(CHECKOUT / 'data.txt')!r}})")

def test_program(benchmark):
    benchmark(started, "sh", "-c", f"cat {{CHECKOUT}}/data.txt")

def test_program_in_its_folder(benchmark):
    benchmark(started, "cat", "data.txt", cwd=CHECKOUT)

def test_copy(benchmark, tmp_path):
    shutil.copy(CHECKOUT / "data.txt", tmp_path)
    benchmark(toy.work)

def test_other_arm(benchmark):
    (other,) = {{"base", "head"}} - {{HERE.name}}
    benchmark((HERE.parent / other / "data.txt").read_bytes)

def test_sound_own(benchmark):
    benchmark(lambda: (HERE / "data.txt").read_bytes() + Path("data.txt").read_bytes())

def test_sound_folder(benchmark):
    benchmark((Path(os.environ["PWD"]) / "data.txt").read_bytes)

def test_sound_unchanged(benchmark):
    benchmark((CHECKOUT / "same.txt").read_bytes)

def test_sound_ignored(benchmark):
    benchmark((CHECKOUT / "ignored.txt").read_bytes)

def test_sound_definition(benchmark):
    benchmark((CHECKOUT / "bench/bench_toy.py").read_bytes)

def test_sound_writes(benchmark):
    benchmark((CHECKOUT / "written.txt").write_bytes, b"")
    (CHECKOUT / "written.txt").touch()

def test_sound_lists(benchmark):
    benchmark(lambda: [*CHECKOUT.rglob("*")])
    assert (CHECKOUT / "data.txt").exists()

def test_sound_git(benchmark):
    benchmark(started, "git", "status")

def test_sound(benchmark):
    benchmark(toy.work)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """One in which a file differs that is no code."""
    made = make_toy(tmp_path / "toy")
    monkeypatch.chdir(made.root)
    texts = dict.fromkeys(("data.txt", "same.txt", "written.txt"), "")
    made.commit({**texts, ".gitignore": "ignored.txt\n", "ignored.txt": "x"})
    made.git("tag", "--force", "base")
    made.commit(
        {"data.txt": "more\n", "written.txt": "more\n", "bench/bench_toy.py": CASES.format(root=str(made.root))}
    )
    return made


@pytest.mark.timeout(900)  # each case that reads such a file costs a pair of processes
def test_a_case_that_reads_a_changed_file_of_the_checkout_is_incomparable(toy: Toy, tmp_path: Path) -> None:
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "output")]) == 3
    found = json.loads((tmp_path / "output/gate.json").read_text())["findings"]
    verdicts = {finding["case"].partition("::")[2]: (finding["verdict"], finding["why"]) for finding in found}
    assert verdicts.pop("test_work")[0] == "missing"
    sound = {case for case, (verdict, _) in verdicts.items() if verdict in {"inconclusive", "new"}}
    assert sound == {case for case in verdicts if case.startswith("test_sound")}
    for case in verdicts.keys() - sound:
        assert verdicts[case][0] == "incomparable"
        file = toy.root / "data.txt" if case != "test_other_arm" else "data.txt"
        assert f"{file}" in verdicts[case][1]
        assert "in which the revisions differ, but both arms read the same" in verdicts[case][1]
    assert len(verdicts) == 24


@pytest.mark.parametrize("file", ["bench/conftest.py", "toy.py"])
def test_a_suite_that_reads_such_a_file_before_any_case_is_refused(file: str, toy: Toy, said: Said) -> None:
    toy.commit({file: f"{SOURCE}\nopen({str(toy.root / 'data.txt')!r}).close()\n"})
    assert run([*NO_TIME, "bench", "-k", "test_sound"]) == 3
    assert f"error: while no case runs, the suite reads {toy.root / 'data.txt'}, in which" in said()


def test_where_many_cases_read_such_a_file_the_rest_is_not_tried(
    toy: Toy, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchgate.measure.trial.MOST_SHARING", 2)
    assert run([*NO_TIME, "bench", "-k", "fixture or cached or path"]) == 3
    assert "error: 2 cases, as bench/bench_toy.py::test_path, read such files: it reads" in said()


def test_an_installed_copy_of_a_changed_file_is_shared_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "site"))
    (tmp_path / "site/toy/folder").mkdir(parents=True)
    packages = Packages({"toy": ("src",)}, ("src",))
    changed = frozenset({"src/toy/data.txt", "src/toy/folder", "docs/a.md"})
    shared = Places(tmp_path / "checkout", packages, changed=changed).shared()
    assert f"{tmp_path}/site/toy/data.txt" in shared
    assert f"{tmp_path}/site/toy/folder/" in shared
    assert f"{tmp_path}/checkout/docs/a.md" in shared


def test_what_is_installed_outside_the_folder_of_packages_is_shared_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "lib/toy_project-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Toy.Project\nVersion: 1\n")
    (info / "RECORD").write_text("../share/toy/data.txt,,\n../share/toy/other.txt,,\ntoy/data.txt,,\n")
    monkeypatch.syspath_prepend(str(info.parent))
    packages = Packages({"toy": (".",)}, (".",), frozenset({"toy_project"}))
    shared = Places(tmp_path / "checkout", packages, changed=frozenset({"files/data.txt"})).shared()
    assert f"{tmp_path}/share/toy/data.txt" in shared
    assert not any("other" in file or file.startswith(str(info.parent)) for file in shared)


def test_the_gate_itself_is_no_such_file() -> None:
    package = Path(benchgate.__file__).parent
    places = Places(package.parent, Packages({}, ()), changed=frozenset({"benchgate/measure/arm.py"}))
    assert places.shared() == []


#: Where a table is kept that the code of a revision makes, and that the next process finds.
KEPT = """
import tempfile
from pathlib import Path
import pytest
import toy

@pytest.mark.parametrize("place", ["next to what pytest makes", "among temporary files"])
def test_work(benchmark, place, tmp_path_factory):
    beside = tmp_path_factory.getbasetemp().parent
    file = (beside if "pytest" in place else Path(tempfile.gettempdir())) / "table-of-a-toy"
    if not file.exists():
        file.write_text(str(toy.TABLE))
    assert file.read_text() == str(toy.TABLE), "this revision's own"
    benchmark(toy.work)
"""


def test_what_a_revision_keeps_among_temporary_files_is_its_own(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    short = Path("/tmp")  # noqa: S108 (where paths are short enough for sockets; nothing stays there)
    monkeypatch.setenv("TMPDIR", str(short))
    other = make_toy(tmp_path / "kept")
    other.commit({"toy.py": f"{SOURCE}\nTABLE = 'of base'\n", "bench/bench_toy.py": KEPT})
    other.git("tag", "--force", "base")
    other.commit({"toy.py": f"{SOURCE}\nTABLE = 'of head'\n"})
    monkeypatch.chdir(other.root)
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "output")]) == 3
    assert "2 inconclusive" in said()
    assert not (short / "table-of-a-toy").exists()
