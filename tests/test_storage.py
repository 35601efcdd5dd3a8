"""What every store does, and what a batch does in one: in this process, against memory and a real server."""

import sys
import threading
import zipfile

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from bgremove import remove_background, remove_backgrounds
from bgremove.batch import make_plan, run_plan
from bgremove.batch.tree import JOURNAL_PREFIX, RESULTS
from bgremove.errors import ImageError, OutputError, UsageError
from bgremove.settings import Settings
from bgremove.storage import in_parallel, store_of
from bgremove.url import located
from tests.image_files import tiff


@pytest.fixture
def memory():
    MemoryFileSystem.store.clear()
    yield "memory://bucket"
    MemoryFileSystem.store.clear()


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.whole_run)])
def root(request):
    """URL of an empty bucket or folder."""
    if request.param == "memory":
        return request.getfixturevalue("memory")
    return request.getfixturevalue("bucket").url


def put(url, content=b"x", mark="", overwrite=True):
    place = located(url)
    store_of(place).write(place, content, mark=mark, overwrite=overwrite)


def listed(url, recursive=True):
    place = located(url)
    return [entry.relative for entry in store_of(place).entries(place, recursive=recursive)]


def fill(url, photos):
    for file in photos.iterdir():
        put(f"{url}/{file.name}", file.read_bytes())


def test_what_is_written_can_be_read(root):
    put(f"{root}/a.jpg", b"12345")
    place = located(f"{root}/a.jpg")
    store = store_of(place)
    assert store.read(place) == b"12345"
    assert store.read_start(place, 2).startswith(b"12")
    assert store.look_up(place).size == 5
    assert store.look_up(located(f"{root}/b.jpg")) is None
    with pytest.raises(FileNotFoundError):
        store.read(located(f"{root}/b.jpg"))


def test_a_version_changes_with_the_content(root):
    place = located(f"{root}/a.jpg")
    put(root + "/a.jpg", b"1")
    before = store_of(place).look_up(place).version
    put(root + "/a.jpg", b"2")
    assert before != store_of(place).look_up(place).version


def test_a_version_is_the_same_written_looked_up_and_listed(root):
    place = located(f"{root}/in/a.jpg")
    written = [store_of(place).write(place, b"1", mark="1", overwrite=False) for _ in range(2)][-1]
    (entry,) = store_of(place).entries(place.parent, recursive=True)
    assert entry.url.version == store_of(place).look_up(place).version == written


def test_an_existing_file_is_left_unless_it_has_the_mark(root):
    place = located(f"{root}/a.jpg")
    put(f"{root}/a.jpg", b"first", mark="1", overwrite=False)
    assert store_of(place).mark(place) == "1"
    put(f"{root}/a.jpg", b"first", mark="1", overwrite=False)
    with pytest.raises(FileExistsError):
        put(f"{root}/a.jpg", b"second", mark="2", overwrite=False)
    assert store_of(place).read(place) == b"first"
    put(f"{root}/a.jpg", b"third", mark="3")
    assert (store_of(place).read(place), store_of(place).mark(place)) == (b"third", "3")
    assert store_of(place).mark(located(f"{root}/b.jpg")) is None


def test_of_many_that_write_one_file_at_once_one_has_written_it(root):
    refused = []

    def write(number):
        try:
            put(f"{root}/a.jpg", str(number).encode(), mark=str(number), overwrite=False)
        except FileExistsError:
            refused.append(number)

    assert len(list(in_parallel(write, range(8)))) == 8
    place = located(f"{root}/a.jpg")
    assert set(range(8)) - set(refused) == {int(store_of(place).read(place))}


def test_a_folder_is_listed_by_name(root):
    for name in ("in/b.jpg", "in/a.jpg", "in/sub/c.jpg", "inside.jpg", "in/sub/deep/d.jpg"):
        put(f"{root}/{name}")
    assert sorted(listed(f"{root}/in/")) == ["a.jpg", "b.jpg", "sub/c.jpg", "sub/deep/d.jpg"]
    assert listed(f"{root}/in", recursive=False) == ["a.jpg", "b.jpg"]
    assert listed(f"{root}/nothing") == []


def test_a_batch_goes_from_folder_to_folder(root, photos, tmp_path):
    fill(f"{root}/in", photos)
    records = remove_backgrounds(f"{root}/in/", f"{root}/out/", strategy="threads")
    assert [record.error for record in records] == [None] * 6
    assert {str(record.path) for record in records} == {f"{root}/in/{n}.png" for n in range(6)}
    remove_backgrounds(photos, tmp_path, strategy="sequential")
    for number in range(6):
        place = located(f"{root}/out/{number}.png")
        assert store_of(place).read(place) == (tmp_path / f"{number}.png").read_bytes()


def test_resuming_does_the_rest(root, photos):
    fill(f"{root}/in", photos)
    running = run_plan(make_plan(f"{root}/in", f"{root}/out", Settings()), strategy="sequential")
    first = [next(running), next(running)]
    running.close()
    with pytest.raises(OutputError, match=r"2 of the outputs exist already \(.*\): overwrite or resume"):
        make_plan(f"{root}/in", f"{root}/out", Settings())
    plan = make_plan(f"{root}/in", f"{root}/out", Settings(), resume=True)
    assert {job.source for job in plan.done} == {record.path for record in first}
    assert [record.status for record in run_plan(plan, strategy="threads")] == ["ok"] * 4
    assert list(make_plan(f"{root}/in", f"{root}/out", Settings(), resume=True).todo) == []


def test_only_results_that_are_not_noted_are_asked_for(root, photos, monkeypatch):
    fill(f"{root}/in", photos)
    remove_backgrounds(f"{root}/in", f"{root}/out", strategy="threads")
    (note,) = [name for name in listed(f"{root}/out") if name.startswith(f"{JOURNAL_PREFIX}-")]
    noted = store_of(located(root)).read(located(f"{root}/out/{note}"))
    store, asked = type(store_of(located(root))), []
    mark = store.mark
    monkeypatch.setattr(store, "mark", lambda self, url: asked.append(url.name) or mark(self, url))
    cut_short = noted[: len(noted) // 2]
    for content, most in ((noted, 0), (cut_short, 4), (b"\xff\n\x00", 6), (b"", 6)):
        put(f"{root}/out/{note}", content)
        asked.clear()
        plan = make_plan(f"{root}/in", f"{root}/out", Settings(), resume=True)
        assert (len(plan.todo), len(plan.done)) == (0, 6)
        assert len(asked) == len(set(asked)) <= most
    assert len(asked) == 6


def test_a_run_that_is_broken_off_does_not_wait_for_the_store(root, photos, monkeypatch):
    fill(f"{root}/in", photos)
    running = run_plan(make_plan(f"{root}/in", f"{root}/out", Settings()), strategy="sequential")
    next(running)
    monkeypatch.setattr(type(store_of(located(root))), "write", lambda *_, **__: pytest.fail("it is written to"))
    running.close()


def test_what_other_options_or_other_photos_made_is_not_taken_for_done(root, photos):
    fill(f"{root}/in", photos)
    remove_backgrounds(f"{root}/in", f"{root}/out", strategy="threads")
    with pytest.raises(OutputError, match="6 of the outputs exist already and are not of an earlier run"):
        make_plan(f"{root}/in", f"{root}/out", Settings(seed=7), resume=True)
    put(f"{root}/out/0.png", b"theirs")
    with pytest.raises(OutputError, match=r"1 of the outputs exist already and .*0\.png"):
        make_plan(f"{root}/in", f"{root}/out", Settings(), resume=True)
    plan = make_plan(f"{root}/in", f"{root}/out", Settings(), resume=True, overwrite=True)
    assert [str(job.source) for job in plan.todo] == [f"{root}/in/0.png"]


def test_of_two_outputs_both_must_be_there(root, photos):
    fill(f"{root}/in", photos)
    settings = Settings(emit=("cutout", "mask"))
    remove_backgrounds(f"{root}/in", f"{root}/out", strategy="threads", settings=settings)
    place = located(f"{root}/out/3.mask.png")
    store_of(place)._fs.rm_file(place.key if root.startswith("s3") else f"/{place.key}")
    plan = make_plan(f"{root}/in", f"{root}/out", settings, resume=True)
    assert [str(job.source) for job in plan.todo] == [f"{root}/in/3.png"]
    assert [record.error for record in run_plan(plan, strategy="sequential")] == [None]


def test_a_batch_goes_between_here_and_a_store(root, photos, tmp_path):
    remove_backgrounds(photos, f"{root}/out", strategy="threads")
    assert [record.status for record in remove_backgrounds(photos, f"{root}/out", resume=True)] == ["skipped"] * 6
    remove_backgrounds(f"{root}/out", tmp_path / "again", strategy="threads")
    records = remove_backgrounds(f"{root}/out", tmp_path / "again", resume=True)
    assert [record.status for record in records] == ["skipped"] * 6


def test_a_tree_is_mirrored_without_the_output_in_it_and_hidden_files(root, photos):
    content = (photos / "0.png").read_bytes()
    for name in ("a.png", "sub/b.png", ".hidden/c.png", "sub/.d.png", "notes.txt", "e.cr2", "out/old.png"):
        put(f"{root}/in/{name}", b"no photo" if name == "notes.txt" else content)
    plan = make_plan(f"{root}/in", f"{root}/in/out", Settings(), recursive=True)
    outputs = sorted(str(path) for job in plan.todo for path in job.outputs.values())
    assert outputs == [f"{root}/in/out/a.png", f"{root}/in/out/sub/b.png"]
    assert plan.left_out == {".cr2": 1}
    with pytest.raises(UsageError, match="an input and the output at once"):
        make_plan(f"{root}/in", f"{root}/in/", Settings())


@pytest.mark.parametrize(("inputs", "recursive"), [("in", True), ("in/**/*.png", False)])
def test_results_of_an_earlier_run_are_no_photographs(root, photos, inputs, recursive):
    for name in ("a.png", "sub/b.png"):
        put(f"{root}/in/{name}", (photos / "0.png").read_bytes())
    remove_backgrounds(f"{root}/in", f"{root}/in/first", recursive=True, engine="opencv")
    for again in range(2):
        plan = make_plan(f"{root}/{inputs}", f"{root}/in/sub/second", Settings(), recursive=recursive, overwrite=True)
        assert sorted(job.source.stem for job in plan.todo) == ["a", "b"], again
        assert plan.left_out == {RESULTS: 1}
        list(run_plan(plan))
    assert {job.source.stem for job in make_plan(f"{root}/in/first", f"{root}/other", Settings()).todo} == {"a"}


def test_the_output_may_be_a_folder_above_the_input(memory, photos):
    fill(f"{memory}/in", photos)
    assert {record.status for record in remove_backgrounds(f"{memory}/in", memory, engine="opencv")} == {"ok"}
    names = [name for name in listed(memory, recursive=False) if not name.startswith(f"{JOURNAL_PREFIX}-")]
    assert names == [JOURNAL_PREFIX, *(f"{n}.png" for n in range(6))]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("in/*.png", ["a"]), ("in/**/*.png", ["a", "b"]), ("in/sub/[ab].png", ["b"]), ("*/?.png", ["a"]), ("x/*.png", [])],
)
def test_patterns_are_those_of_a_shell(root, photos, pattern, found):
    for name in ("in/a.png", "in/sub/b.png", "in/.hidden.png"):
        put(f"{root}/{name}", (photos / "0.png").read_bytes())
    plan = make_plan(f"{root}/{pattern}", f"{root}/out", Settings())
    assert sorted(job.source.stem for job in plan.todo) == found
    assert len(plan.unusable) == (0 if found else 1)


def test_what_exists_is_meant_literally(root, photos):
    put(f"{root}/in/[a].png", (photos / "0.png").read_bytes())
    plan = make_plan(f"{root}/in/[a].png", f"{root}/out", Settings())
    assert [job.source.name for job in plan.todo] == ["[a].png"]


@pytest.mark.whole_run
def test_a_key_never_leads_out_of_the_output(bucket, photos, tmp_path):
    content = (photos / "0.png").read_bytes()
    for key in ("in//abs.png", "in/../up.png", "in/sub/../../up.png", "in/good.png"):
        bucket.put(key, content)
    records = remove_backgrounds(f"{bucket.url}/in", tmp_path / "out", recursive=True, strategy="sequential")
    assert {(str(record.path), record.status) for record in records} == {
        (f"{bucket.url}/in/good.png", "ok"),
        (f"{bucket.url}/in//abs.png", "failed"),
        (f"{bucket.url}/in/../up.png", "failed"),
        (f"{bucket.url}/in/sub/../../up.png", "failed"),
    }
    assert [path.name for path in tmp_path.rglob("*.png")] == ["good.png"]


def test_memory_is_refused_for_worker_processes(memory, photos, tmp_path):
    fill(memory, photos)
    for strategy in ("processes", "pool"):
        with pytest.raises(UsageError, match="memory:// holds files of this process alone"):
            remove_backgrounds(memory, tmp_path, strategy=strategy)
    with pytest.raises(UsageError, match="without a time limit"):
        remove_backgrounds(memory, tmp_path, timeout_s=9)
    assert [record.status for record in remove_backgrounds(memory, tmp_path)] == ["ok"] * 6


def test_one_image_by_its_url(root, photos):
    put(f"{root}/a.png", (photos / "0.png").read_bytes())
    by_url, by_path = remove_background(f"{root}/a.png"), remove_background(photos / "0.png")
    assert (by_url.mask == by_path.mask).all()
    with pytest.raises(ImageError, match=f"^{root}/b.png: there is no such file$"):
        remove_background(f"{root}/b.png")


def test_a_header_further_behind_is_found(memory, photos):
    put(f"{memory}/a.tif", tiff(400, 300, 8, bytes(120_000)))  # its directory is at its end
    plan = make_plan(f"{memory}/a.tif", f"{memory}/out", Settings())
    assert [job.pixels for job in plan.todo] == [120_000]


def test_what_a_store_needs_is_named_if_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules, "bgremove.storage.s3", raising=False)
    with pytest.raises(UsageError, match=r"s3:// needs s3fs: install it with: pip install 'bgremove\[s3\]'"):
        store_of(located("s3://bucket/a"))


def test_many_requests_wait_at_a_time_and_few_are_drawn_ahead():
    together, drawn = threading.Barrier(8, timeout=60), []

    def numbers():
        for number in range(200):
            drawn.append(number)
            yield number

    results = in_parallel(lambda number: together.wait() if number < 8 else None, numbers())
    assert next(results) in range(8)
    assert len(drawn) < 100
    assert len(list(results)) == 199


def test_a_zip_file_may_be_in_another_store(root, photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(photos / "0.png", "a.png")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.write(tmp_path / "in.zip", "in.zip")
    put(f"{root}/out.zip", (tmp_path / "out.zip").read_bytes())
    nested = f"zip://::zip://in.zip::{root}/out.zip"
    (record,) = remove_backgrounds(nested, tmp_path / "cut", engine="opencv", strategy="sequential")
    assert (str(record.path), record.error) == (f"zip://a.png::zip://in.zip::{root}/out.zip", None)
    (record,) = remove_backgrounds(f"zip://::{root}/gone.zip", tmp_path / "gone")
    assert str(record.error) == f"zip://::{root}/gone.zip: it cannot be reached (there is no {root}/gone.zip)"
