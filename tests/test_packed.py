"""Many values in little memory."""

import gc

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from bgremove.batch import make_plan
from bgremove.batch.marks import Marks, Versions
from bgremove.batch.sources import Source
from bgremove.formats import encode
from bgremove.packed import Packed
from bgremove.settings import Settings
from bgremove.storage import Entry, packed, store_of
from bgremove.url import Url, located


def test_what_is_packed_is_a_sequence_of_its_values():
    texts = ["a", "", "ü", "caf\udce9", "a\nb"]
    values = Packed(iter(texts), str.upper)
    assert list(values) == [values[index] for index in range(5)] == [text.upper() for text in texts]
    assert (len(values), values[-1], values[1:3], "A" in values) == (5, "A\nB", ["", "Ü"], True)
    with pytest.raises(IndexError):
        values[5]


@pytest.mark.parametrize(
    "folder", ["s3://b", "s3://b/in", "memory://b/a\nb", "zip://in::s3://b/a.zip", "zip://::a.zip"]
)
def test_entries_are_packed_whatever_they_are_called(folder):
    place = located(folder)
    start, end = folder.removesuffix("::a.zip").removesuffix("::s3://b/a.zip"), "::" + place.container
    slash = "" if start.endswith("://") else "/"
    entries = [
        Entry(Url(f"{start}{slash}{name}{end if place.container else ''}", size, version), name)
        for name, size, version in [("a.png", 3, '"e"'), (".", 0, ""), ("x//\n::.jpg", -1, "5 17")]
    ]
    unpacked = list(packed(place, entries, Entry))
    assert unpacked == entries
    assert [(each.url.size, each.url.version) for each in unpacked] == [(3, '"e"'), (0, ""), (-1, "5 17")]


def test_versions_are_found_though_hashes_collide(monkeypatch):
    monkeypatch.setattr("bgremove.batch.marks.hash", len, raising=False)
    names = [f"memory://b/{name}" for name in ("a", "b", "cc", "dd", "c")]
    versions = Versions([Entry(Url(name, 1, name[-1]), name[11:]) for name in names])
    assert [versions.get(Url(name)) for name in names] == ["a", "b", "c", "d", "c"]
    assert versions.get(Url("memory://b/x")) is None
    assert Url("memory://b/cc") in versions
    assert "memory://b/cc" not in versions


@pytest.fixture
def finished():
    """A folder in a store with the results of another, forty names."""
    MemoryFileSystem.store.clear()
    store, content = store_of(Url("memory://b")), encode(np.zeros((3, 4, 4), np.uint8))
    for number in range(40):
        store.write(Url(f"memory://b/in/{number}.png"), content, mark="", overwrite=True)
    plan = make_plan("memory://b/in", "memory://b/out", Settings())
    with Marks(plan.folder) as marks:
        for job in plan.todo:
            version = store.write(job.outputs["cutout"], content, mark=job.mark, overwrite=True)
            marks.done(job, {"cutout": version})
    yield "memory://b/in", "memory://b/out"
    MemoryFileSystem.store.clear()


def test_no_object_is_kept_for_a_finished_image(finished):
    def objects():
        gc.collect()
        # isinstance would ask proxies, of what may be gone
        return sum(type(each) in {Url, Source, Entry} for each in gc.get_objects())

    before = objects()
    plan = make_plan(*finished, Settings(), resume=True)
    assert (len(plan.done), len(plan.todo)) == (40, 0)
    assert objects() - before < 10
    assert {job.source.name for job in plan.done} == {f"{number}.png" for number in range(40)}
