"""How a folder of a bucket is listed: page by page, and what of each object."""

import gc

import pytest
from botocore import handlers

from bgremove.storage import s3_pages, store_of
from bgremove.url import located
from tests.s3_server import PAGE, proxy, use

pytestmark = pytest.mark.whole_run


def test_a_folder_is_listed_page_by_page_as_it_is_drawn_from(bucket, monkeypatch):
    for number in range(2 * PAGE + 1):
        bucket.put(f"in/{number}.png", b"x")
    asked = []
    with proxy(bucket.endpoint, lambda *request: asked.append(request)) as url:
        use(monkeypatch, {**bucket.environment, "AWS_ENDPOINT_URL": url})
        folder = located(f"{bucket.url}/in")
        entries = store_of(folder).entries(folder, recursive=False)
        assert next(entries).relative == "0.png"
        assert len(asked) == 1
        assert [entry.relative for entry in entries] == [f"{number}.png" for number in range(1, 2 * PAGE + 1)]
        assert len(asked) == 3


def test_objects_are_listed_as_botocore_reads_them(bucket, monkeypatch):
    keys = ["a b+c.png", "a%2Bb.png", "<&>\"'.png", "ü/é.png", "empty"]
    for key in keys:
        bucket.put(f"in/{key}", key.encode() if key != "empty" else b"")
    use(monkeypatch, bucket.environment)
    folder, read = located(f"{bucket.url}/in"), []
    fields = s3_pages._fields
    monkeypatch.setattr(s3_pages, "_fields", lambda *of: read.append(of) or fields(*of))
    looked_for_errors, look = [], handlers._looks_like_special_case_error
    monkeypatch.setattr(
        handlers, "_looks_like_special_case_error", lambda *of: looked_for_errors.append(of[1]) or look(*of)
    )
    entries = list(store_of(folder).entries(folder, recursive=True))
    assert len(read) == len(keys)  # and not by botocore, which takes its time
    assert len(looked_for_errors) == 2
    assert not any(b"<Key>" in page for page in looked_for_errors)  # they are parsed once
    assert {entry.relative for entry in entries} == set(keys)
    looked_up = [store_of(folder).look_up(entry.url) for entry in entries]
    assert [(each.size, each.version) for each in looked_up] == [(each.url.size, each.url.version) for each in entries]


@pytest.mark.parametrize("enabled", [True, False])
def test_no_garbage_is_looked_for_while_a_page_is_read(enabled, monkeypatch):
    page = b"<ListBucketResult><Contents><Key>a.png</Key><Size>1</Size></Contents></ListBucketResult>"
    allowed, fields = [], s3_pages._fields
    monkeypatch.setattr(s3_pages, "_fields", lambda *of: allowed.append(gc.isenabled()) or fields(*of))
    (gc.enable if enabled else gc.disable)()
    try:
        for body, found in ((page, {"Contents": [{"Key": "a.png", "Size": 1}]}), (page[:-1], {})):
            answer, taken = {"status_code": 200, "body": body}, {}
            s3_pages._take_objects(answer, taken)
            assert taken == found
            assert b"<Key>" not in answer["body"] or answer["body"] == page[:-1]
            assert gc.isenabled() is enabled
    finally:
        gc.enable()
    assert allowed == [False]
